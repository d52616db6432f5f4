"""The built-in algorithms, one room each; every module here with a hook registers itself."""
