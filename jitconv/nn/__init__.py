"""Networks that train, with nothing but jitconv's ops underneath."""
