"""Opens a link as a browser does, presses Listen and reads the audio. Needs Python alone: ``hear.py LINK``."""

import http.cookiejar
import re
import sys
import urllib.parse
import urllib.request

_WAV = b"RIFF"


def main(link: str) -> None:
    """Print how much audio came; ends with a traceback if the link does not play."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    page = browser.open(link, timeout=30).read().decode()
    nonce = re.search(r'name="nonce" value="([^"]+)"', page)
    assert nonce, "The page of the link has no form."
    form = urllib.parse.urlencode({"nonce": nonce[1]}).encode()
    player = browser.open(f"{link}/open", form, timeout=30)
    audio = browser.open(f"{player.url}/audio", timeout=60).read()
    assert audio.startswith(_WAV), audio[:64]
    print(f"  heard     {len(audio)} bytes of WAV")


if __name__ == "__main__":
    main(sys.argv[1])
