"""Pictures and sounds as ``data:`` addresses, for pages that are whole in themselves."""

import base64
import io
import wave

import numpy as np
from PIL import Image


def picture_data(frame: np.ndarray, lossy: bool = False) -> str:
    """Return a uint8 picture ``(3, H, W)`` as a ``data:`` address: of a PNG or, ``lossy``, of a JPEG."""
    stream, kind = io.BytesIO(), "jpeg" if lossy else "png"
    settings = {"quality": 85, "subsampling": 0} if lossy else {}
    Image.fromarray(frame.transpose(1, 2, 0)).save(stream, kind, **settings)
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode()}"


def sound_data(samples: np.ndarray, rate: int) -> str:
    """Return samples in [-1, 1] as a ``data:`` address of a WAV file of 16 bits.

    Examples:
        >>> sound_data(np.zeros(4), 8000)[:22]
        'data:audio/wav;base64,'
    """
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return f"data:audio/wav;base64,{base64.b64encode(stream.getvalue()).decode()}"
