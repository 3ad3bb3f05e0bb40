"""Writes api.txt: the functions of the table OrtApi in their order, up to the last one used.

    api.py onnxruntime_c_api.h    (recorded from the header of version 1.24)
"""
import os, re, sys

text = open(sys.argv[1]).read()
text = text[text.index("struct OrtApi {"):]
text = re.sub(r"//.*", "", re.sub(r"/\*.*?\*/", "", text, flags=re.S))
found = re.findall(r"ORT_API2_STATUS\(\s*(\w+)|ORT_CLASS_(RELEASE)\((\w+)\)|ORT_API_CALL\s*\*\s*(\w+)\)", text)
names = [a or (r and "Release" + b) or c for a, r, b, c in found]
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "api.txt"), "w") as f:
    f.write("\n".join(names[:names.index("AddSessionConfigEntry") + 1]) + "\n")
