"""Allow lists of the containers and codecs that the vault decodes, and the FFmpeg options that enforce them.

The lists contain the formats of telephony systems. Every other format of the bundled FFmpeg would only add
attack surface, so the demuxers, the decoders used while probing, and all protocols are restricted here.
This module does not import PyAV: the process with the keys uses these lists too.
"""

#: Accepted containers, by the first of FFmpeg's names for each.
CONTAINERS = frozenset({"wav", "mp3", "ogg", "matroska", "flac", "mov", "amr", "gsm"})
#: Accepted codecs, by FFmpeg's canonical names.
CODECS = frozenset(
    {
        *("pcm_u8", "pcm_s8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be"),
        *("pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be", "pcm_mulaw", "pcm_alaw"),
        *("mp3", "aac", "alac", "flac", "opus", "vorbis", "speex"),
        *("gsm", "gsm_ms", "amr_nb", "amr_wb", "g723_1", "g729", "truespeech"),
        *("adpcm_ima_wav", "adpcm_ima_qt", "adpcm_ms", "adpcm_g722", "adpcm_g726"),
    }
)
#: Accepted sample rates in Hz.
SAMPLE_RATES = range(8000, 48001)
#: Accepted decoders: the codecs, and decoders whose names differ from their codecs' canonical names.
DECODERS = CODECS | {"mp3float", "amrnb", "amrwb", "g722", "g726"}
#: Options for ``av.open``. No protocol is named "none", so a file cannot make FFmpeg open another file or URL.
OPTIONS = {
    "format_whitelist": ",".join(sorted(CONTAINERS)),
    "codec_whitelist": ",".join(sorted(DECODERS)),
    "protocol_whitelist": "none",
}
#: More options for WAV files of codecs with a fixed number of bytes per sample, whose header says all that is needed.
#: Without them FFmpeg looks for other codecs in up to 2,500 packets, each time from the first one on, and reads packets
#: of 4 KiB: for 17 seconds of telephony that is more than half of the work. One packet is still looked at.
WAV_OPTIONS = {"max_probe_packets": "1", "max_size": "16384"}
