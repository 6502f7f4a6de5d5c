"""Reads the messages in a folder with Python's email package; prints what is attached, one JSON object a line.

What counts as attached is told as pricefetch does it; structure, names and contents are the package's own.
"""

import email
import email.policy
import hashlib
import json
import os
import sys

TEXT_FILES = {"text/csv", "text/comma-separated-values", "text/tab-separated-values", "text/xml"}
NO_FILES = {
    "application/pgp-signature", "application/pgp-encrypted", "application/pkcs7-signature",
    "application/x-pkcs7-signature", "application/applefile", "application/ics",
}


def is_file(part):
    kind = part.get_content_type()
    if part["Content-ID"] or kind in NO_FILES or kind == "text/plain":
        return False
    return kind in TEXT_FILES or part.get_content_maintype() not in ("text", "message")


def leaves(part):
    """Yields the leaves in their order, those of forwarded messages too."""
    if part.is_multipart():
        for inner in part.get_payload():
            yield from leaves(inner)
    else:
        yield part


def attached(raw):
    message = email.message_from_bytes(raw, policy=email.policy.default)
    for part in leaves(message):
        name = part.get_filename() or ""
        if name or part.get_content_disposition() == "attachment" or is_file(part):
            content = part.get_payload(decode=True) or b""
            yield {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def main(folder):
    for entry in sorted(os.listdir(folder)):
        if not entry.endswith(".eml"):
            continue
        with open(os.path.join(folder, entry), "rb") as file:
            raw = file.read()
        try:
            answer = {"files": list(attached(raw))}
        except Exception as error:  # whatever the package makes of it is its answer
            answer = {"error": type(error).__name__}
        answer["message"] = entry.removesuffix(".eml")
        print(json.dumps(answer))
    print(json.dumps({"version": "%d.%d" % sys.version_info[:2]}))


main(sys.argv[1])
