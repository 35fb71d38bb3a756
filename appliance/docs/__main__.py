"""``python -m appliance.docs``: write the documents that are made from the code."""

from appliance.docs import FOLDER, write

if __name__ == "__main__":
    for name in write():
        print(f"written: {FOLDER / name}")  # noqa: T201  this is a command
