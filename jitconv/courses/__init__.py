"""The functions that courses have people write, with the courses' own call signatures."""
