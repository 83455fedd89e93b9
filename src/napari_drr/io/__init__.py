"""Files in and out: CTs, labels, structure names, radiographs and recipes."""
