"""Currencies by the codes and signs that stand beside prices."""

from collections.abc import Mapping

_ISO_4217 = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF "
    "CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD "
    "HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL "
    "LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR "
    "PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP "
    "TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL "
)
_CODES = frozenset(_ISO_4217.split())

THREE_DECIMALS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
"""Of these a price may have three decimals; of no other."""

SIGNS: Mapping[str, str] = {
    "€": "EUR", "euro": "EUR", "euros": "EUR", "$": "USD", "us$": "USD", "usd$": "USD", "us $": "USD",
    "ca$": "CAD", "c$": "CAD",
    "can$": "CAD", "a$": "AUD", "au$": "AUD", "nz$": "NZD", "hk$": "HKD", "s$": "SGD", "nt$": "TWD", "mx$": "MXN",
    "r$": "BRL", "£": "GBP", "¥": "JPY", "￥": "JPY", "円": "JPY", "元": "CNY", "rmb": "CNY", "₹": "INR", "rs": "INR",
    "rs.": "INR", "₩": "KRW", "원": "KRW", "₺": "TRY", "tl": "TRY", "₽": "RUB", "руб": "RUB", "руб.": "RUB",
    "zł": "PLN", "zl": "PLN", "kč": "CZK", "ft": "HUF", "lei": "RON", "лв": "BGN", "лв.": "BGN", "₴": "UAH",
    "грн": "UAH", "₪": "ILS", "₫": "VND", "đ": "VND", "฿": "THB", "₱": "PHP", "₦": "NGN", "₸": "KZT", "fr.": "CHF",
    "sfr.": "CHF", "kr": "kr", "kr.": "kr", "rp": "IDR", "rm": "MYR",
    "р.": "RUB", "рублей": "RUB", "s/": "PEN", "s/.": "PEN", "₡": "CRC", "₲": "PYG", "zl.": "PLN", "din.": "RSD",
}  # fmt: skip
"""What signs are taken for. `$` alone is taken for US dollars; `kr` is of several countries, and stays what it is."""


def currency_of(mark: str) -> str | None:
    """Return the currency that a mark beside a number is of, by its ISO code where that is known; None: it is none."""
    return mark.upper() if mark.upper() in _CODES else SIGNS.get(mark.lower())
