"""Who teaches which words in bench/taught.py, who talks besides, and what nobody is called by."""

from __future__ import annotations

from dataclasses import dataclass, field

from .taught_material import Voice


@dataclass(frozen=True)
class Part:
    """Who teaches what, who talks besides, and what nobody should be woken by."""

    speakers: tuple[tuple[Voice, tuple[str, ...]], ...]
    talkers: tuple[Voice, ...]
    folders: tuple[str, ...]
    seed: int
    similar: dict[str, tuple[str, ...]] = field(default_factory=dict)


_EN = ("hey computer", "okay marvin", "open sesame", "hello kitchen")
_IT = ("ciao casa", "ehi marco", "buongiorno sole")
PARTS = {
    "dev": Part(
        (
            (Voice("pico:en-US", "en", 0.92), ("good morning robot", "hey jasper", "computer now")),
            (Voice("pico:it-IT", "it", 1.08), ("sveglia bruno", "casa mia", "senti luisa")),
            (Voice("flite:awb", "en", 1.09), ("hello jenny", "hey aurora", "listen to me")),
            (Voice("flite:kal16", "en", 0.93), ("okay friday", "dear butler", "wake up oliver")),
        ),
        (
            Voice("espeak:en+m1", "en"),
            Voice("espeak:de+f2", "de"),
            Voice("pico:en-US", "en"),
            Voice("flite:kal16", "en"),
        ),
        ("en_US_f_Allison", "es", "digits", "letters", "phonetic", "dictate"),
        3,
    ),
    "test": Part(
        (
            *((Voice(each, "en"), _EN) for each in ("pico:en-GB", "flite:rms", "flite:slt")),
            (Voice("festival:ked_diphone", "en"), _EN),
            (Voice("pico:de-DE", "de"), ("hallo haus", "hey emma", "guten tag otto")),
            (Voice("pico:fr-FR", "fr"), ("bonjour maison", "salut oscar", "dis jarvis")),
            (Voice("pico:es-ES", "es"), ("hola casa", "oye marta", "buenas noches lola")),
            (Voice("festival:lp_diphone", "it"), _IT),
            (Voice("festival:pc_diphone", "it"), _IT),
            (
                Voice("festival:suo_fi_lj_diphone", "fi"),
                ("hei talo", "huomenta pekka", "kuule minua"),
            ),
        ),
        (
            Voice("pico:en-GB", "en"),
            Voice("flite:rms", "en"),
            Voice("flite:slt", "en"),
            Voice("pico:de-DE", "de"),
            Voice("pico:fr-FR", "fr"),
            Voice("pico:es-ES", "es"),
        ),
        (
            "es_MX_f_Allison",
            "fr",
            "fr_CA_f_June",
            "it_IT_f_Menardi",
            "it_IT_m_Carlo",
            "ru_RU_f_IvrvoiceRU",
        ),
        11,
        {
            "hey computer": ("hey commuter", "okay computer", "the computer"),
            "okay marvin": ("okay martin", "okay darling", "play marvin"),
            "open sesame": ("open says me", "sesame", "open the window"),
            "hello kitchen": ("hello chicken", "hello kitten", "yellow kitchen"),
            "hallo haus": ("hallo maus", "hallo hans"),
            "hey emma": ("hey anna", "hey mama"),
            "guten tag otto": ("guten tag hotte", "guten abend otto"),
            "bonjour maison": ("bonjour raison", "bonsoir maison"),
            "salut oscar": ("salut lascar", "salut edgar"),
            "dis jarvis": ("dix jarres", "dis julie"),
        },
    ),
}
