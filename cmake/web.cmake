# The report page: web/ built by npm, one HTML file put into the program as bytes.
