#!/usr/bin/env python3
"""Writes the expected files beside it. Timecode is not computed by a formula here, but by
counting: one label after the other, leaving out those that drop-frame timecode skips."""
from fractions import Fraction as F
import os

HERE = os.path.dirname(os.path.abspath(__file__))
MOMENTS = [
    ("1.0", "5.5", "the person cracks the egg"),
    ("59.95", "60.15", "across the first minute"),
    ("599.9", "601.0", 'a "quoted" <b>bold</b> & --> {text}\nin two lines'),
    ("7199.5", "7205.25", "two hours in"),
]
DURATION = 10800
CONFIDENCE = ["0.998", "0.970", "0.961", "0.950"]


def labels(base, drop, last):
    """Labels of the frames 0 to last."""
    out, h, m, s, f = [], 0, 0, 0, 0
    while len(out) <= last:
        skipped = drop and s == 0 and m % 10 != 0 and f < drop
        if not skipped:
            out.append("%02d:%02d:%02d%s%02d" % (h, m, s, ";" if drop else ":", f))
        f += 1
        if f == base: f, s = 0, s + 1
        if s == 60: s, m = 0, m + 1
        if m == 60: m, h = 0, h + 1
    return out


def nearest(t, rate):
    return int(F(t) * rate + F(1, 2))


def rational(t, rate):
    """Seconds with the rate's own denominator, as Final Cut Pro writes them; whole ones alone."""
    n = t * rate.numerator
    assert n.denominator == 1
    return "%ds" % t if t.denominator == 1 else "%d/%ds" % (n, rate.numerator)


def write(name, text):
    with open(os.path.join(HERE, name), "w", encoding="utf-8", newline="") as f:
        f.write(text)


def one_line(text):
    return " ".join(text.split())


RATES = {
    "23976": (F(24000, 1001), 24, 0), "24": (F(24), 24, 0), "25": (F(25), 25, 0),
    "2997df": (F(30000, 1001), 30, 2), "30": (F(30), 30, 0), "50": (F(50), 50, 0),
    "5994df": (F(60000, 1001), 60, 4),
}
for name, (rate, base, drop) in RATES.items():
    tc = labels(base, drop, 2 * 3600 * base + 100 * base)
    record = tc.index("01:00:00" + (";" if drop else ":") + "00")
    out = "TITLE: Moments\nFCM: %sDROP FRAME\n" % ("" if drop else "NON-")
    for i, (start, end, text) in enumerate(MOMENTS):
        a, b = nearest(start, rate), nearest(end, rate)
        out += "\n%03d  AX       AA/V  C        %s %s %s %s\n" % (i + 1, tc[a], tc[b], tc[record], tc[record + b - a])
        out += "* FROM CLIP NAME: My \"Clip\" & <1>.mp4\n* COMMENT: %s\n" % one_line(text)
        record += b - a
    write(name + ".edl", out)

    xml = lambda s: s.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;")
    clips, offset = "", F(0)
    for i, (start, end, text) in enumerate(MOMENTS):
        a, b = nearest(start, rate) / rate, nearest(end, rate) / rate
        clips += '            <asset-clip ref="r2" name="%s" offset="%s" start="%s" duration="%s" tcFormat="%s">\n              <note>confidence %s</note>\n            </asset-clip>\n' % (
            xml(one_line(text)), rational(offset, rate), rational(a, rate), rational(b - a, rate), "DF" if drop else "NDF", CONFIDENCE[i])
        offset += b - a
    write(name + ".fcpxml", '''<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE fcpxml>
<fcpxml version="1.9">
  <resources>
    <format id="r1" frameDuration="%s" width="1280" height="720"></format>
    <asset id="r2" name="My &#34;Clip&#34; &amp; &lt;1&gt;.mp4" start="0s" duration="%s" hasVideo="1" format="r1" hasAudio="1" audioSources="1" audioChannels="2">
      <media-rep kind="original-media" src="file:///media/My%%20%%22Clip%%22%%20&amp;%%20%%3C1%%3E.mp4"></media-rep>
    </asset>
  </resources>
  <library>
    <event name="Moments">
      <project name="My &#34;Clip&#34; &amp; &lt;1&gt;.mp4">
        <sequence format="r1" duration="%s" tcStart="0s" tcFormat="%s">
          <spine>
%s          </spine>
        </sequence>
      </project>
    </event>
  </library>
</fcpxml>
''' % (rational(1 / rate, rate), rational(nearest(DURATION, rate) / rate, rate), rational(offset, rate), "DF" if drop else "NDF", clips))

write("moments.srt", """1
00:00:01,000 --> 00:00:05,500
the person cracks the egg

2
00:00:59,950 --> 00:01:00,150
across the first minute

3
00:09:59,900 --> 00:10:01,000
a "quoted" ‹b›bold‹/b› & → (text) in two lines

4
01:59:59,500 --> 02:00:05,250
two hours in

""")
write("moments.vtt", """WEBVTT

1
00:00:01.000 --> 00:00:05.500
the person cracks the egg

2
00:00:59.950 --> 00:01:00.150
across the first minute

3
00:09:59.900 --> 00:10:01.000
a "quoted" &lt;b&gt;bold&lt;/b&gt; &amp; --&gt; {text} in two lines

4
01:59:59.500 --> 02:00:05.250
two hours in
""")
write("moments.csv", '''video,sentence,rank,start,end,start_timecode,end_timecode,score,confidence
"/media/My ""Clip"" & <1>.mp4",the person cracks the egg,1,1.000,5.500,00:00:01:00,00:00:05:13,0.174200,0.998000
"/media/My ""Clip"" & <1>.mp4",across the first minute,1,59.950,60.150,00:00:59:24,00:01:00:04,0.170000,0.970000
"/media/My ""Clip"" & <1>.mp4","a ""quoted"" <b>bold</b> & --> {text}
in two lines",1,599.900,601.000,00:09:59:23,00:10:01:00,0.160000,0.961000
"/media/My ""Clip"" & <1>.mp4",two hours in,1,7199.500,7205.250,01:59:59:13,02:00:05:06,-0.500000,0.950000
''')
