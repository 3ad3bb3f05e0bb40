"""Records how NLTK cuts texts, for words_test.go.

    NLTK_DATA=... python3 record_words.py SHARED_DATA      (nltk, its data punkt_tab)

words.json holds texts of our own: what TreebankWordTokenizer makes of each, and, of
those that are meant to have sentences, what the sentence splitter makes of them first.
real.json holds the first 8 digits of the SHA-256 of the words of real sentences, which
lie in the shared data (TACoS' test split, each sentence once, and all of ActivityNet
Captions' val_1 that NLTK splits into several), the words with a line feed between them.

Recorded with NLTK 3.10.4.
"""
import hashlib, json, sys
from nltk.tokenize import TreebankWordTokenizer
from nltk.tokenize.punkt import PunktTokenizer

treebank = TreebankWordTokenizer().tokenize
punkt = PunktTokenizer("english").tokenize

OWN = """
The person cracks the egg on the rim of the mug.
He doesn't open the drawer; she can't, either.
"Don't," she says, "I'll do it myself!"
They've taken 3,000 g of flour, 2.5 l of milk and 1/2 an onion (red).
The man's knife -- a big one -- cuts the cucumbers' ends off.
He says 'no' and leaves.
She's gonna wanna cut it, 'tis said; 'twas not. Gimme that! Lemme see. I've gotta go.
Cannot or CANNOT, d'ye see? More'n enough.
He waits...then goes on... and on.
Costs $3.99 & 20% off @ the shop #5.
He took [the] {blue} <cup>.
It is 10:30, he eats: bread, cheese,
The U.S. man and Mr. Smith came at 5 p.m. and left.
''quoted'' and ``quoted'' and "quoted".
I'd say we'd better; he'll go, they're here, you've won, it isn't, ain't it?
x: y:z a,b 1,000 1:2
What?! No!! Really???
A sentence without an end
Ends in a quote."
Ends in a bracket.)
 leading and trailing blanks. 
\ttabs\tand\u00a0other\u2003blanks\u3000here.
Le caf\u00e9 du gar\u00e7on, s'il vous pla\u00eet.
\u201cCurly quotes\u201d and it\u2019s so \u2014 dashes \u2026
\u5207\u80e1\u841d\u535c\u3002 \U0001f955 carrot.
the two-handed, well-known man's step-by-step guide
o'clock rock'n'roll y'all ma'am
can not canned cannots acannot cannot_x
wanna, wanna. wannabe
'S 'M 'D 'LL N'T
""".strip("\n").split("\n") + ["", " ", ".", "...", "'", "\"", "''", "a", "'s", "n't", "--", "``", "\n", "a,\n", "a.\n"]

SENTENCES = """
He takes out a knife. He cuts the carrot. Then he leaves.
He said "Stop!" She did not stop.
Is it done? Yes! it is.
Dr. Brown and Mrs. Smith take St. John's bread. The U.S. team wins.
He waits... then goes. He waits... Then he goes.
Add 2.5 oz of salt. Step 2. then stir. Step 3. Stir again.
(She opens it.) He closes it.
The meeting was at 5 p.m. Then they left. It was at 5 a.m. on Monday.
J. Smith cooks. She picks plan B. The plan fails.
No end. small letters begin here. and here
A "quoted end." Another one.
What?! No!! Really??? Sure.
He cuts, peels, etc. He boils. Cut vs. peel.
It costs 3.50. It is 1,000. Done.
The words read "Thanks for watching!". The end.
He eats bread.(1/2) He drinks.
One.Two.Three are words.
He says ok. Fine.
He goes to Main Ave. and buys 3 ft. of rope from Bros. Inc. in Jan. and in Sept.
 Blank first.  Two blanks.\tA tab.
""".strip("\n").split("\n")

PIECES = ["a", "can", "not", "cannot", "I", "he", "dog", "3", "1,5", "\u00e9", "\u2019", "'", "\"", "''", "``", "`", "n't", "'s", "'S", "'ll", "'re",
          "'ve", "'d", "'m", "'t", "is", "was", "gon", "na", "wan", "gim", "me", "lem", "got", "ta", "more", "'n", "d", "'ye", " ", " ", " ", " ", " ", "\t",
          "\u00a0", ".", "..", "...", ",", ":", ";", "?", "!", "(", ")", "[", "]", "{", "}", "<", ">", "-", "--", "@", "#", "$", "%", "&", "_", "/", "\n", "\x1f"]


def random_texts(n):
    z = 1
    for _ in range(n):
        out = ""
        z = (z * 6364136223846793005 + 1442695040888963407) % 2**64
        for _ in range(1 + (z >> 60)):
            z = (z * 6364136223846793005 + 1442695040888963407) % 2**64
            out += PIECES[(z >> 33) % len(PIECES)]
        yield out


def main(shared):
    own = [{"text": t, "treebank": treebank(t)} for t in OWN + list(random_texts(700))]
    for t in SENTENCES:
        s = punkt(t)
        own.append({"text": t, "sentences": s, "words": [w for x in s for w in treebank(x)]})
    with open("words.json", "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(x, separators=(",", ":")) for x in own) + "\n]\n")

    def hashes(texts):
        out = []
        for t in texts:
            words = "\n".join(w for s in punkt(t) for w in treebank(s))
            out.append(hashlib.sha256(words.encode()).hexdigest()[:8])
        return out

    with open(shared + "/annotations/tacos/test.json") as f:
        tacos = list(dict.fromkeys(s for v in json.load(f).values() for s in v["sentences"]))
    with open(shared + "/annotations/activitynet-captions/val_1.json") as f:
        several = [s for v in json.load(f).values() for s in v["sentences"] if len(punkt(s)) > 1]
    with open("real.json", "w") as f:
        json.dump({"tacos": "".join(hashes(tacos)), "several": {hashlib.sha256(s.encode()).hexdigest()[:8]: h for s, h in zip(several, hashes(several))}}, f, indent=1)


main(sys.argv[1])
