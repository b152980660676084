# SPDX-License-Identifier: Apache-2.0
"""What pages say when they are not the document: the data of the outcome classifier.

`sentences` count anywhere on a brief page; distinctive ones, which nobody but the blocking service
writes, on a short page too. `headings` count only as a whole line near the top or as a part of the
title, since policies use the same words in passing. `markup` is looked for in the bytes. Adding a
block page is adding one entry.
"""

import functools
import re
from dataclasses import dataclass

from archive.model.outcome import OutcomeKind


@dataclass(frozen=True, slots=True)
class Sign:
    """One kind of page that is not the document, and how it is known."""

    code: str
    kind: OutcomeKind
    reason: str
    sentences: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()
    markup: tuple[bytes, ...] = ()
    is_distinctive: bool = False


_GONE = (
    r"(?:not (?:be )?found|(?:doesn't|does not|no longer) exists?|(?:was|been) (?:moved|removed))"
)
_SOUGHT = (
    r"(?:that )?(?:you(?:'re| are| were|'ve| have)? )?(?:requested|looking for|tried to reach)"
)
_CHALLENGE = "The site answered with a bot check ({}) instead of the document."

SIGNS = (
    Sign(
        "cf-challenge",
        OutcomeKind.BLOCKED,
        _CHALLENGE.format("Cloudflare"),
        sentences=(
            r"checking your browser before accessing",
            r"checking if the site connection is secure",
            r"needs to review the security of your connection before proceeding",
            r"enable javascript and cookies to continue",
            r"verif(?:y|ying) you are human\. this may take a few seconds",
            r"performing security verification",
        ),
        headings=(
            r"just a moment(?:\.\.\.|…)?",
            r"ddos protection by cloudflare",
        ),
        markup=(b"_cf_chl_opt", b"cf-browser-verification", b"cf_chl_"),
        is_distinctive=True,
    ),
    Sign(
        "cf-block",
        OutcomeKind.BLOCKED,
        "Cloudflare refused this client for the site.",
        sentences=(
            r"you are unable to access\b",
            r"this website is using a security service to protect itself from online attacks",
            r"the owner of this website \([^)]*\) has banned",
        ),
        headings=(
            r"attention required!?",
            r"sorry, you have been blocked",
            r"error 10(?:0[6-9]|1[025]|20)",
        ),
        markup=(b"cf-error-details",),
        is_distinctive=True,
    ),
    Sign(
        "datadome",
        OutcomeKind.BLOCKED,
        _CHALLENGE.format("DataDome"),
        markup=(b"captcha-delivery.com",),
        is_distinctive=True,
    ),
    Sign(
        "perimeterx",
        OutcomeKind.BLOCKED,
        _CHALLENGE.format("PerimeterX"),
        sentences=(
            r"press (?:&|and) hold to confirm you are",
            r"access to this page has been denied",
        ),
        headings=(r"access to this page has been denied\.?",),
        markup=(b"px-captcha", b"_pxCaptcha", b"_pxAppId"),
        is_distinctive=True,
    ),
    Sign(
        "akamai",
        OutcomeKind.BLOCKED,
        "Akamai refused this client for the site.",
        sentences=(
            r"you don't have permission to access .{0,400}on this server",
            r"reference ?# ?[0-9a-f]+\.[0-9a-f]+\.[0-9]+\.[0-9a-f]+",
        ),
        markup=(b"errors.edgesuite.net", b"sec-if-cpt-container"),
        is_distinctive=True,
    ),
    Sign(
        "imperva",
        OutcomeKind.BLOCKED,
        _CHALLENGE.format("Imperva"),
        sentences=(r"incapsula incident id", r"powered by imperva"),
        headings=(r"pardon our interruption(?:\.\.\.|…)?",),
        markup=(b"_Incapsula_Resource",),
        is_distinctive=True,
    ),
    Sign(
        "aws-waf",
        OutcomeKind.BLOCKED,
        _CHALLENGE.format("AWS WAF"),
        sentences=(r"the request could not be satisfied.{0,200}request blocked",),
        markup=(b"awsWafCookieDomainList", b"token.awswaf.com"),
        is_distinctive=True,
    ),
    Sign(
        "geo",
        OutcomeKind.BLOCKED,
        "The site refuses visitors from the country of this archive's network.",
        sentences=(
            r"block(?:s|ed|ing)? access from your (?:country|region|location)",
            r"not (?:currently )?available in your (?:country|region|location)",
            r"unavailable in your (?:country|region|location)",
            r"access from your (?:country|region) (?:is|was|has been) (?:blocked|denied)",
            r"(?:unavailable|not available) to (?:visitors|users) (?:in|from) the european",
        ),
    ),
    Sign(
        "captcha",
        OutcomeKind.BLOCKED,
        "The site asks for proof that a person is visiting, instead of showing the document.",
        sentences=(
            r"(?:verify|confirm|prove) (?:that )?you(?:'re| are) (?:a )?(?:not a robot|human)",
            r"our systems have detected unusual traffic",
            r"(?:complete|solve) (?:the|this|a) (?:captcha|puzzle|challenge|security check)",
            r"are you (?:a )?(?:human|robot)\?",
            r"enter the characters you see below",
        ),
        headings=(
            r"(?:are you (?:a )?)?(?:robot|human)(?: check| or (?:human|robot))?\??",
            r"human verification",
        ),
    ),
    Sign(
        "access-denied",
        OutcomeKind.BLOCKED,
        "The site denies access to this client.",
        headings=(
            r"access denied\.?",
            r"(?:error )?403(?:[ :\u2013\u2014-]+.{0,40})?",
            r"you have been blocked\.?",
            r"request (?:blocked|rejected)\.?",
        ),
    ),
    Sign(
        "consent",
        OutcomeKind.CONSENT_WALL,
        "The site shows a consent form instead of the document.",
        sentences=(
            r"before you continue to (?:google|youtube)",
            r"(?:accept|allow) (?:all )?cookies to continue",
            r"you must (?:accept|enable|allow) cookies (?:to|before)",
            r"to (?:continue|proceed|access|view) [^.]{0,60}please (?:accept|consent|agree)",
            r"continue with (?:advertising|ads) or (?:subscribe|purchase)",
            r"(?:verify|confirm) your age to (?:continue|enter|proceed)",
        ),
        headings=(
            r"before you continue.{0,30}",
            r"(?:cookie )?consent (?:required|needed)",
            r"your privacy choices are required",
        ),
    ),
    Sign(
        "script-needed",
        OutcomeKind.SCRIPT_SHELL,
        "The page shows its text only to browsers that run scripts.",
        sentences=(
            r"you need to enable javascript to run this app",
            r"(?:please )?(?:enable|turn on) javascript (?:to|in your browser to|and reload)",
            r"(?:javascript is (?:required|disabled)|requires javascript)(?: to|\.|$)",
        ),
    ),
    Sign(
        "missing",
        OutcomeKind.SOFT_404,
        "The page says that the document was not found, though its status says success.",
        sentences=(
            rf"the (?:page|document|url|resource) {_SOUGHT}[^.]{{0,60}}{_GONE}",
            r"(?:we|i) (?:can't|cannot|can not|couldn't|could not) find (?:the|that|this) page",
            r"this page (?:doesn't|does not|no longer) exists?",
        ),
        headings=(
            r"(?:oops[!,.]? ?)?(?:http )?(?:error )?404(?:[ :\u2013\u2014-]+.{0,40})?",
            r"(?:sorry, )?(?:this |the |that )?page (?:was |could |can )?not (?:be )?found[.!]?",
            r"(?:sorry, )?(?:this |the |that )?page (?:can't|cannot|couldn't) be found[.!]?",
            r"not found[.!]?",
            r"(?:die )?seite (?:wurde )?nicht gefunden[.!]?",
            r"page (?:introuvable|non trouvée)[.!]?",
            r"página no encontrada[.!]?",
            r"página não encontrada[.!]?",
            r"pagina non trovata[.!]?",
            r"pagina niet gevonden[.!]?",
            r"(?:お探しの)?ページが見つかりません.{0,12}",
            r"(?:页面不存在|找不到页面|页面未找到|找不到網頁)[。!\uff01]?",
        ),
    ),
    Sign(
        "error-text",
        OutcomeKind.ERROR_PAGE,
        "The page reports an error instead of showing the document.",
        sentences=(
            r"this page (?:isn't|is not|is currently not) available",
            r"page (?:is )?(?:temporarily )?unavailable",
            r"application error: a (?:client|server)-side exception has occurred",
            r"this page contains the following errors:",
            r"error on line [0-9]+ at column [0-9]+",
            r"an (?:unexpected |unknown )?error (?:has )?occurred",
            r"(?:temporarily|currently) (?:down|closed) for maintenance",
            r"no healthy upstream",
            r"upstream connect error",
            r"error establishing a database connection",
            r"this site can(?:'t|not) be reached",
        ),
        headings=(
            r"(?:http )?(?:error )?[45][0-9]{2}(?:[ :\u2013\u2014-]+.{0,40})?",
            r"(?:500 ?[:\u2013-]? ?)?internal server error[.!]?",
            r"(?:502 ?)?bad gateway[.!]?",
            r"(?:503 ?)?service (?:temporarily )?unavailable[.!]?",
            r"(?:504 ?)?gateway time-?out[.!]?",
            r"(?:sorry|oops)[,.!]? something went wrong[.!]?",
            r"something went wrong[.!]?",
            r"(?:we'll|we will) be (?:right )?back(?: soon| shortly)?[.!]?",
            r"(?:site )?under maintenance|maintenance mode",
            r"(?:an )?error(?: occurred)?[.!]?",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A sign with its words compiled."""

    sign: Sign
    sentence: re.Pattern[str]
    heading: re.Pattern[str]
    markup: re.Pattern[bytes]


@functools.cache
def patterns() -> tuple[Pattern, ...]:
    """All signs in the order in which they are asked."""
    return tuple(_compiled(sign) for sign in SIGNS)


def _compiled(sign: Sign) -> Pattern:
    # An empty list of alternatives must match nothing, not everything.
    nothing = r"(?!)"
    return Pattern(
        sign=sign,
        sentence=re.compile("|".join(sign.sentences) or nothing),
        heading=re.compile("|".join(sign.headings) or nothing),
        markup=re.compile(b"|".join(map(re.escape, sign.markup)) or nothing.encode()),
    )
