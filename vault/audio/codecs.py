"""Which containers and codecs the vault decodes, and how FFmpeg is told to open nothing else.

The lists are allow lists of what telephony writes. Everything else that the bundled FFmpeg can read is
reach for an attacker, so the demuxers, the decoders tried while probing and every protocol are named here.
This module imports nothing of PyAV: the process that holds keys reads these lists too.
"""

#: The vault's containers, by the first of FFmpeg's names for each.
CONTAINERS = frozenset({"wav", "mp3", "ogg", "matroska", "flac", "mov", "amr", "gsm"})
#: The vault's codecs, by FFmpeg's canonical names.
CODECS = frozenset(
    {
        *("pcm_u8", "pcm_s8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be"),
        *("pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be", "pcm_mulaw", "pcm_alaw"),
        *("mp3", "aac", "alac", "flac", "opus", "vorbis", "speex"),
        *("gsm", "gsm_ms", "amr_nb", "amr_wb", "g723_1", "g729", "truespeech"),
        *("adpcm_ima_wav", "adpcm_ima_qt", "adpcm_ms", "adpcm_g722", "adpcm_g726"),
    }
)
#: Samples a second that are taken.
SAMPLE_RATES = range(8000, 48001)
#: Decoders whose names differ from the canonical names of their codecs.
DECODERS = CODECS | {"mp3float", "amrnb", "amrwb", "g722", "g726"}
#: What ``av.open`` is told. No protocol has the name "none": a file cannot make FFmpeg open another one.
OPTIONS = {
    "format_whitelist": ",".join(sorted(CONTAINERS)),
    "codec_whitelist": ",".join(sorted(DECODERS)),
    "protocol_whitelist": "none",
}
