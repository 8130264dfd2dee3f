"""Decides whether a transcript says yes, and nothing else, in one of several languages.

Every word must be a word for yes, a filler, or a word of the question, and the first that is no
filler must be one for yes: "Yes, open the door" is a yes; "Yes, we'll be right back after the
break" is not. A doubtful transcript is no yes: the person is asked again.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

Phrase = tuple[str, ...]

_CHARACTERS_MOST = 200
_WORDS_MOST = 16
_SIGNS_MOST = 40
_PHRASE_MOST = 12
_ALIKE_FROM = 4
"""Two words are forms of one word if they share this many initial letters …"""
_ALIKE_REST = 3
"""… and have at most this many others."""
_MARKS = re.compile(r"[\u0300-\u036f]")
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Language:
    """The words of a language.

    `no`: words that prevent a yes even if the question contains them. `either`: words between two
    choices; in answers to such a question, the question's words do not count.
    """

    yes: frozenset[Phrase]
    fillers: frozenset[Phrase]
    no: frozenset[str]
    either: frozenset[str]
    spaced: bool = True
    """Whether spaces separate words; if not, texts are compared character by character."""
    inflected: bool = True
    """Whether another form of a word in the question counts as that word."""


def says_yes(
    transcript: str,
    question: str = "",
    languages: Iterable[str] = (),
    *,
    after_wake_word: bool = False,
) -> bool:
    """Return whether `transcript` answers `question` with yes.

    `languages`: those that may be spoken, such as `de` or `de-AT`; none, or only unknown ones:
    all languages listed here. `after_wake_word`: the transcript may contain the wake word, so
    that an okay alone is no yes.
    """
    text = _normal(transcript)
    if len(transcript) > _CHARACTERS_MOST or re.search(r"[?;\u061f]", text):
        return False
    wanted = {each.lower().replace("_", "-").partition("-")[0] for each in languages}
    names = [name for name in LANGUAGES if name in wanted] or LANGUAGES
    spoken = [language(name) for name in names]
    return any(
        _says_yes(text, _normal(question), _with_kin(each, spoken, text), after_wake_word)
        for each in spoken
    )


@cache
def language(code: str) -> Language:
    """Return one of `LANGUAGES`."""
    return _LANGUAGES[code]()


def _with_kin(language: Language, spoken: Sequence[Language], text: str) -> Language:
    """Return `language` with the words for no of all languages that share the yes in `text`.

    If several languages may be spoken, a "ja" does not determine which one it is.
    """
    words = _split(text, language)
    said = {words[at:end] for at in range(len(words)) for end in _ends(words, at, language.yes)}
    kin = [each for each in spoken if each.spaced and language.spaced and said & each.yes]
    return replace(
        language,
        no=language.no.union(*(each.no for each in kin)),
        either=language.either.union(*(each.either for each in kin)),
    )


def _says_yes(text: str, question: str, language: Language, after_wake_word: bool) -> bool:
    if not language.spaced and (
        any(each in _signs(text) for each in language.no)
        or not _NO_ANYWHERE.isdisjoint(_WORD.findall(text))
    ):
        return False
    words = _split(text, language)
    if len(words) > (_WORDS_MOST if language.spaced else _SIGNS_MOST):
        return False
    okay = _OKAY if after_wake_word else frozenset()
    yes, fillers = language.yes - okay, language.fillers | _WAKE_WORDS | okay
    asked = _asked(question, language)
    reached, waiting = {(0, False)}, [(0, False)]
    while waiting:
        at, said_yes = waiting.pop()
        steps = {(end, True) for end in _ends(words, at, yes)}
        steps |= {(end, said_yes) for end in _ends(words, at, fillers)}
        if said_yes:
            steps |= {(end, True) for end in _ends_of_question_words(words, at, asked, language)}
        waiting += steps - reached
        reached |= steps
    return (len(words), True) in reached


def _ends(words: Phrase, at: int, phrases: frozenset[Phrase]) -> list[int]:
    """Return where a phrase that begins at `at` may end."""
    last = min(len(words), at + _PHRASE_MOST)
    return [end for end in range(at + 1, last + 1) if words[at:end] in phrases]


def _ends_of_question_words(
    words: Phrase, at: int, asked: Sequence[str], language: Language
) -> list[int]:
    """Return where a run of the question's words may end."""
    if at == len(words) or not asked:
        return []
    if not language.spaced:
        whole = "".join(asked)
        ends = range(at + 2, len(words) + 1)
        return [end for end in ends if "".join(words[at:end]) in whole]
    word = words[at]
    if word in language.no or word in _NO_ANYWHERE:
        return []
    if word in asked or (language.inflected and any(_alike(word, each) for each in asked)):
        return [at + 1]
    return []


def _asked(question: str, language: Language) -> Sequence[str]:
    """Return the words of the question that may be repeated."""
    words = _split(question, language)
    if not language.spaced:
        return () if any(each in _signs(question) for each in language.either) else words
    left: list[str] = []
    for word in words:
        left.append(word)
        if (
            word in language.no
            and len(left) > 2
            and left[-2] in language.either
            and (left[-3],) in language.yes
        ):
            del left[-3:]  # "say yes or no" offers no choice
    return () if any(word in language.either for word in left) else left


def _alike(one: str, other: str) -> bool:
    """Return whether both look like forms of one word."""
    same = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        same += 1
    return same >= _ALIKE_FROM and max(len(one), len(other)) - same <= _ALIKE_REST


def _normal(text: str) -> str:
    """Return lower case without accents, and with equivalent spellings unified."""
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", text.casefold()))
    plain = unicodedata.normalize("NFC", plain).replace("ı", "i")
    return re.sub(r"n['\u2019]t\b", "nt", plain)


def _signs(text: str) -> str:
    return "".join(_WORD.findall(text))


def _split(text: str, language: Language) -> Phrase:
    return tuple(_WORD.findall(text)) if language.spaced else tuple(_signs(text))


def _made(
    yes: str, fillers: str, no: str, either: str, *, spaced: bool = True, inflected: bool = True
) -> Language:
    """Make a language from phrases separated by `|`."""

    def phrases(text: str) -> frozenset[Phrase]:
        found = (_normal(each) for each in text.split("|"))
        return frozenset(
            tuple(_WORD.findall(each)) if spaced else tuple(_signs(each)) for each in found
        )

    def words(text: str) -> frozenset[str]:
        return frozenset(_signs(_normal(each)) for each in text.split("|"))

    return Language(phrases(yes), phrases(fillers), words(no), words(either), spaced, inflected)


_OKAY: frozenset[Phrase] = frozenset(
    (each,) for each in ("ok", "okay", "oke", "okei", "okej", "okey", "ок", "океи")
)
_WAKE_WORDS: frozenset[Phrase] = frozenset(
    {("ok", "nabu"), ("okay", "nabu"), ("hey", "jarvis"), ("hey", "mycroft"), ("alexa",)}
)
_NO_ANYWHERE = frozenset(
    _WORD.findall(
        "no nope not never dont cannot cant wont nein nicht kein keine nee niet nooit geen non pas"
        " jamais nunca nao nie nigdy nej nei inte ikke ikkje aldrig aldri nem hayir нет не ни stop"
        " stopp wait cancel"
    )
)
"""Words that mean no in one language and rarely occur in others."""

_LANGUAGES: Mapping[str, partial[Language]] = {
    "en": partial(
        _made,
        "yes|yeah|yep|yup|aye|sure|sure thing|ok|okay|of course|absolutely|definitely|certainly|"
        "correct|exactly|affirmative|confirm|confirmed|i confirm|go ahead|go for it|do it|do that|"
        "please do|by all means",
        "please|thanks|thank you|thank you very much|now|it|that|this|do|go|ahead|just|then|uh|um|"
        "oh|well|i do|i am|i'm|sure|you can|you may",
        "no|nope|nah|not|never|don't|doesn't|didn't|can't|cannot|won't|isn't|shouldn't|wouldn't|"
        "mustn't|stop|wait|cancel|abort|hold|hang|leave|quit|without|but|later|maybe|perhaps|"
        "unless|if|instead|except|only|before|after|tomorrow|when|until|nothing|nobody|none",
        "or|either",
    ),
    "de": partial(
        _made,
        "ja|jo|jep|jap|jawohl|klar|na klar|sicher|natürlich|selbstverständlich|gern|gerne|genau|"
        "richtig|stimmt|einverstanden|bestätigt|bestätige|ich bestätige|in ordnung|mach das|"
        "mach es|mach mal|tu das|tu es|auf jeden fall|unbedingt|passt|aber ja|aber sicher|ok|okay",
        "bitte|danke|danke schön|dankeschön|vielen dank|jetzt|mal|es|das|mach|machen|so|dann|na|"
        "also|äh|ähm|ich bin|sicher|gern|gerne|du kannst|sie können|du darfst|doch|ruhig",
        "nein|nee|ne|nö|nicht|nichts|kein|keine|keinen|nie|niemals|stopp|stop|halt|warte|warten|"
        "moment|abbrechen|abbruch|lass|lassen|lieber|später|vielleicht|aber|wenn|falls|sondern|"
        "außer|ohne|nur|morgen|erst|bevor|nachher|statt",
        "oder|entweder|beziehungsweise",
    ),
    "fr": partial(
        _made,
        "oui|ouais|d'accord|bien sûr|certainement|absolument|volontiers|exact|exactement|vas-y|"
        "allez-y|confirmé|je confirme|c'est bon|entendu|tout à fait|évidemment|fais-le|faites-le|"
        "ok|okay",
        "s'il te plaît|s'il vous plaît|svp|merci|merci beaucoup|maintenant|ça|cela|le|la|les|euh|"
        "ben|bon|alors|fais|faites|tu peux|vous pouvez",
        "non|pas|ne|n|jamais|rien|aucun|aucune|arrête|arrêtez|stop|attends|attendez|annule|"
        "annulez|tard|mais|si|sauf|sans|plutôt|demain|laisse|laissez|seulement|quand|après|avant|"
        "ni",
        "ou|soit",
    ),
    "es": partial(
        _made,
        "sí|claro|claro que sí|vale|de acuerdo|por supuesto|desde luego|correcto|exacto|confirmo|"
        "confirmado|adelante|hazlo|hágalo|dale|seguro|ok|okay|okey",
        "por favor|gracias|muchas gracias|ahora|ahora mismo|lo|eso|eh|pues|bueno|ya|está bien|"
        "puedes|puede",
        "no|nunca|jamás|nada|ni|para|pare|detente|alto|basta|espera|espere|cancela|cancele|"
        "cancelar|pero|quizás|quizá|vez|luego|tarde|mañana|sin|excepto|sino|solo|cuando|después|"
        "antes|tampoco|ningún|ninguna|deja|deje",
        "o|u",
    ),
    "it": partial(
        _made,
        "sì|certo|certamente|va bene|d'accordo|sicuro|esatto|confermo|confermato|procedi|proceda|"
        "fallo|lo faccia|assolutamente|volentieri|naturalmente|ovviamente|ok|okay",
        "per favore|per piacere|grazie|grazie mille|adesso|ora|subito|pure|fai|lo|la|eh|ecco|bene|"
        "prego|puoi|può",
        "no|non|mai|niente|nulla|né|ferma|fermati|fermo|stop|alt|aspetta|aspetti|annulla|"
        "annullare|ma|però|forse|dopo|tardi|domani|senza|tranne|invece|solo|quando|prima|se|"
        "nessuno|nessuna|basta|lascia|lasci",
        "o|oppure",
    ),
    "nl": partial(
        _made,
        "ja|jawel|jazeker|zeker|natuurlijk|goed|akkoord|klopt|prima|doe maar|ga je gang|"
        "ga uw gang|graag|ja hoor|bevestigd|ik bevestig|uiteraard|absoluut|ok|oke|okay",
        "alsjeblieft|alstublieft|graag|dank je|dank je wel|dank u|dank u wel|dankjewel|bedankt|nu|"
        "doe|het|dat|hoor|eh|even|meteen",
        "nee|neen|niet|nooit|geen|niets|stop|stoppen|wacht|wachten|annuleer|annuleren|afbreken|"
        "maar|misschien|later|morgen|zonder|behalve|alleen|pas|als|tenzij|liever|laat|straks|"
        "eerst|nadat|voordat",
        "of",
    ),
    "pt": partial(
        _made,
        "sim|claro|claro que sim|com certeza|certo|tudo bem|está bem|pode ser|pode|positivo|"
        "confirmo|confirmado|isso|isso mesmo|exato|exatamente|faça isso|faz isso|pode fazer|"
        "vai em frente|avance|concordo|de acordo|ok|okay",
        "por favor|se faz favor|obrigado|obrigada|muito obrigado|muito obrigada|agora|isso|o|a|já|"
        "então|é|eh|faça|faz",
        "não|nunca|jamais|nada|nem|para|pare|parar|espera|espere|cancela|cancele|cancelar|mas|"
        "talvez|depois|tarde|amanhã|sem|exceto|só|somente|apenas|quando|antes|se|nenhum|nenhuma|"
        "deixa|deixe",
        "ou",
    ),
    "pl": partial(
        _made,
        "tak|jasne|oczywiście|pewnie|dobrze|dobra|zgoda|zgadzam się|potwierdzam|potwierdzone|"
        "zrób to|śmiało|naturalnie|owszem|jak najbardziej|ok|okej|okay",
        "proszę|proszę bardzo|dziękuję|dzięki|teraz|to|już|zrób|więc",
        "nie|nigdy|nic|stop|stój|czekaj|poczekaj|zaczekaj|anuluj|przerwij|ale|może|później|potem|"
        "jutro|bez|oprócz|tylko|jeśli|jeżeli|kiedy|gdy|zanim|zostaw|żaden|żadna|żadne|ani",
        "lub|albo|bądź",
    ),
    "sv": partial(
        _made,
        "ja|japp|jo|jadå|visst|javisst|absolut|självklart|gärna|jag bekräftar|bekräftar|bekräftat|"
        "gör det|kör|stämmer|precis|naturligtvis|det går bra|ok|okej|okay",
        "tack|tack så mycket|snälla|är du snäll|nu|det|gör|då|eh|gärna",
        "nej|nä|inte|aldrig|inget|ingen|inga|stopp|stanna|vänta|avbryt|men|kanske|senare|sen|"
        "imorgon|morgon|utan|utom|bara|om|när|låt|först|sedan",
        "eller|antingen",
    ),
    "da": partial(
        _made,
        "ja|jo|jep|jada|selvfølgelig|naturligvis|klart|gerne|jeg bekræfter|bekræfter|bekræftet|"
        "gør det|helt sikkert|det er fint|præcis|absolut|ok|okay",
        "tak|mange tak|ja tak|venligst|nu|det|gør|så|øh|gerne|du må gerne",
        "nej|ikke|aldrig|intet|ingen|stop|vent|afbryd|annuller|men|måske|senere|morgen|uden|"
        "undtagen|kun|hvis|når|lad|først|efter|før",
        "eller|enten",
    ),
    "no": partial(
        _made,
        "ja|jo|jepp|jada|selvfølgelig|klart|greit|gjerne|jeg bekrefter|bekrefter|bekreftet|"
        "gjør det|absolutt|det er greit|helt klart|akkurat|ok|okay",
        "takk|ja takk|tusen takk|vennligst|vær så snill|er du snill|nå|det|gjør|så|eh|gjerne",
        "nei|ikke|ikkje|aldri|ingen|ingenting|stopp|vent|avbryt|men|kanskje|senere|morgen|uten|"
        "unntatt|bare|kun|hvis|når|la|først|etter|før",
        "eller|enten",
    ),
    "fi": partial(
        _made,
        "kyllä|joo|juu|jep|totta kai|tottakai|toki|selvä|sopii|hyvä on|vahvistan|vahvistettu|"
        "tee se|tee niin|ilman muuta|aivan|tietysti|tietenkin|ok|okei|okay",
        "kiitos|ole hyvä|olkaa hyvä|nyt|heti|se|niin|tee|siis",
        "ei|en|et|emme|ette|eivät|eikä|ettei|älä|älkää|koskaan|seis|odota|odottakaa|peruuta|peru|"
        "lopeta|mutta|ehkä|myöhemmin|huomenna|ilman|paitsi|vain|jos|kun|ensin|vasta",
        "vai|tai|joko",
    ),
    "cs": partial(
        _made,
        "ano|jo|jasně|samozřejmě|dobře|dobrá|souhlasím|potvrzuji|potvrzeno|určitě|jistě|přesně|"
        "udělej to|udělejte to|klidně|v pořádku|ok|okej|okay",
        "prosím|děkuji|díky|teď|nyní|to|udělej|tak|už",
        "ne|není|nikdy|nechci|nic|stop|stůj|počkej|počkejte|zruš|zrušit|ale|možná|později|zítra|"
        "bez|kromě|jen|jenom|pokud|jestli|když|až|nech|žádný|žádné|žádná|ani",
        "nebo|anebo|buď",
    ),
    "hu": partial(
        _made,
        "igen|persze|rendben|jó|természetesen|megerősítem|csináld|csináld meg|mehet|ok|oké|okay",
        "kérem|kérlek|köszönöm|most|azt|meg",
        "nem|ne|soha|semmi|várj|várjon|stop|állj|mégse|mégsem|de|talán|később|holnap|nélkül|"
        "kivéve|csak|ha|inkább|majd|hagyd|sem|se",
        "vagy",
    ),
    "tr": partial(
        _made,
        "evet|tamam|olur|tabii|tabi|tabii ki|elbette|kesinlikle|onaylıyorum|onaylandı|peki|aynen|"
        "doğru|ok|okey",
        "lütfen|teşekkürler|teşekkür ederim|sağ ol|şimdi|hemen|onu|bunu|hadi",
        "hayır|yok|değil|olmaz|dur|bekle|iptal|vazgeç|ama|fakat|belki|sonra|yarın|asla|sakın|"
        "istemiyorum|yapma|sadece|eğer|önce|hiç",
        "veya|yoksa|ya",
        inflected=False,  # negation is inside the word: açma, do not open
    ),
    "ru": partial(
        _made,
        "да|ага|угу|конечно|хорошо|ладно|подтверждаю|подтверждено|точно|верно|разумеется|давай|"
        "давайте|сделай|сделай это|согласен|согласна|именно|можно|безусловно|ок|окей",
        "пожалуйста|спасибо|сейчас|это|ну|так|же|уже|прямо|сделайте",
        "нет|не|ни|никогда|ничего|стой|стоп|подожди|подождите|погоди|отмена|отмени|отменить|но|"
        "может|возможно|потом|позже|завтра|без|кроме|только|если|когда|сначала|нельзя|хватит|"
        "оставь|оставьте",
        "или|либо",
    ),
    "uk": partial(
        _made,
        "так|ага|звичайно|звісно|добре|гаразд|підтверджую|підтверджено|точно|вірно|давай|давайте|"
        "зроби|зроби це|згоден|згодна|авжеж|можна|безумовно|ок|окей",
        "будь ласка|прошу|дякую|зараз|це|ну|же|вже",
        "ні|не|ніколи|нічого|стій|стоп|зачекай|зачекайте|почекай|почекайте|скасуй|скасувати|але|"
        "може|можливо|потім|пізніше|завтра|без|крім|тільки|лише|якщо|коли|спочатку|годі|залиш|"
        "залиште",
        "або|чи",
    ),
    "el": partial(
        _made,
        "ναι|βέβαια|φυσικά|εντάξει|σωστά|επιβεβαιώνω|κάν' το|κάνε το|μάλιστα|οκ|οκέι",
        "παρακαλώ|ευχαριστώ|τώρα|το|αυτό",
        "όχι|μη|μην|δεν|ποτέ|τίποτα|σταμάτα|στοπ|περίμενε|ακύρωσε|αλλά|ίσως|μετά|αργότερα|αύριο|"
        "χωρίς|εκτός|μόνο|αν|όταν",
        "είτε",
    ),
    "ja": partial(
        _made,
        "はい|ええ|うん|そう|そうです|お願い|お願いします|おねがいします|いいよ|いいですよ|もちろん|"
        "了解|どうぞ|承知しました|やって|やってください|オーケー|オッケー|ok",
        "ください|下さい|ね|よ|です|今|すぐ|それ|を|お願いします|ありがとう|ありがとうございます|"
        "えっと|じゃあ|では|して",
        "いいえ|いや|嫌|ううん|だめ|ダメ|駄目|やめ|止め|ない|ません|待っ|まって|ストップ|キャンセル|"
        "取り消|結構です|違|ちがう|後で|あとで|でも|けど|たら|なら|だけ",
        "それとも|または|あるいは",
        spaced=False,
    ),
    "zh": partial(
        _made,
        "是|是的|好|好的|好啊|对|对的|對|對的|可以|行|嗯|确认|確認|确定|確定|当然|當然|同意|做吧|"
        "去做吧|ok",
        "请|請|谢谢|謝謝|吧|啊|呀|的|了|现在|現在|马上|馬上|我|你|做|就|那|麻烦|麻煩",
        "不|别|別|没|沒|否|勿|等|停|取消|算了|但|如果|以后|以後|待会|待會|稍后|稍後|明天|也许|也許|"
        "可能|先|只|除|无|無|非|吗|嗎|呢",
        "还是|還是|或",
        spaced=False,
    ),
    "ko": partial(
        _made,
        "네|예|응|그래|그래요|그럼요|물론|물론이지|물론이죠|물론입니다|좋아|좋아요|좋습니다|맞아|"
        "맞아요|맞습니다|확인|확인합니다|그렇게 해|그렇게 해줘|그렇게 해 주세요|해줘|해 주세요|"
        "부탁해|부탁해요|부탁합니다|당연하지|당연하죠|오케이|ok",
        "지금|바로|좀|제발|고마워|고마워요|감사합니다|그거|그것|그럼|해줘|해 주세요",
        "아니|아뇨|안|지마|마세요|말아|말고|싫|못|없|잠깐|잠시|기다|멈|취소|그만|나중|하지만|만약|"
        "내일|다음|까요|면",
        "아니면|또는|혹은",
        spaced=False,
    ),
}
"""Functions that make the languages, by code: all languages together would take 0.4 MB."""
LANGUAGES = tuple(_LANGUAGES)
"""The codes of the known languages."""
