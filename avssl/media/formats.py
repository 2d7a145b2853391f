"""The kinds of files that FFmpeg may open: each holds its recording itself.

Playlists, manifests and descriptions of streams (concat, HLS, DASH, SDP ...) name further files or addresses, which
a recording of a stranger could choose; text, subtitles, devices, and samples without a header, whose rate FFmpeg would
make up, are no recordings.
"""

_FILM = """
    3g2 3gp 4xm anm apng asf asf_o av1 avi avs avs2 avs3 bethsoftvid bfi bink bmv c93 cavsvideo cdxl cine dhav dirac
    dnxhd dsicin dv dxa ea evc film_cpk filmstrip flic flv gif gxf h261 h263 h264 hevc hnm idcin ipu ivf ivr jv kux
    live_flv lmlm4 lxf m4a m4v matroska mgsts mj2 mjpeg mjpeg_2000 mm moflex mov mp4 mpeg mpegts mpegvideo mpjpeg
    mtv mv mvi mxf nsv nut nuv obu ogg paf pmp psxstr pva r3d rl2 rm roq rpl siff smk smush swf thp tiertexseq tmv
    ty vc1 vc1test vivo vmd vvc wc3movie webm webp_anim wtv xmv yop yuv4mpegpipe
"""
_SOUND = """
    aac aax ac3 ac4 act adx aea aiff amr amrnb amrwb ape aptx aptx_hd au bonk caf dsf dss dts dtshd eac3 epaf flac
    g722 gsm hca iamf iff ilbc ircam laf lc3 loas mlp mmf mp3 mpc mpc8 nistsphere oma osq pvf qcp qoa rka rso sbc
    sds shn sox spdif tak truehd tta voc vqf w64 wav wsaud wsd wv wve xa xwma
"""
_PICTURES = """
    bmp cri dds dpx exr gem hdr j2k jpeg jpegls jpegxl jpegxs pam pbm pcx pfm pgm pgmyuv pgx phm photocd pictor png
    ppm psd qdraw qoi sgi sunrast tiff vbn webp xbm xpm xwd
"""
FORMATS = (*_FILM.split(), *_SOUND.split(), "jpegxl_anim", *(f"{kind}_pipe" for kind in _PICTURES.split()))
