"""Two commits of jitconv, or of a plugin, against one another: is one slower, and how sure is that?"""
