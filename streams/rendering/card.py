"""Look + words -> the card as SVG."""

from schemas.records import Copy
from streams.rendering import layouts, strips
from streams.rendering.brand import BrandKit
from streams.rendering.column import Words, set_column
from streams.rendering.heroes import hero
from streams.rendering.ornaments import (
    Button,
    badge,
    disclosure,
    signature,
    signature_width,
)
from streams.rendering.plan import Form, Plan
from streams.rendering.scene import Scene, art_of
from streams.rendering.scheme import Look, Scheme, scheme_of
from streams.rendering.svg import escaped, num, placed
from streams.rendering.wording import Language, words_for

_ACTION = 138.0
"""Most width of a button that stands outside the columns, px."""
_BRAND_GAP = 5.0


def draw_card(
    look: Look,
    copy: Copy,
    category: str,
    language: Language,
    brand: BrandKit,
    size: tuple[int, int],
    uid: str,
) -> str:
    """Return one SVG of `size` px; `uid` begins each of its element ids.

    The SVG holds no script, style, link or font, and makes no request.
    """
    form = Form(size[0], size[1], scheme_of(look), look.density, uid)
    plan: Plan = getattr(strips if form.is_strip else layouts, look.layout)(form)
    words = Words(copy, brand.name, look, language, form.unit)
    parts = (
        _ground(form),
        plan.under,
        _art(plan, form, look, category),
        plan.over,
        *(set_column(column, words) for column in plan.columns),
        _button(plan, words),
        badge(
            look.badge,
            language,
            words.type,
            form.scheme,
            plan.badge,
            form.badge_unit,
        ),
        disclosure(
            copy.disclosure, words.type.body, plan.mark_inks, plan.mark, form.unit
        ),
    )
    width, height = num(form.w), num(form.h)
    label = escaped(f"{copy.headline} {copy.body} {brand.name}. {copy.disclosure}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="{label}" '
        f'xml:lang="{language}" data-ai-generated="true">{"".join(parts)}</svg>'
    )


def _ground(form: Form) -> str:
    """Return the ground: two close tones, from the upper left to the lower right."""
    s: Scheme = form.scheme
    if s.ground == s.shade:
        return form.whole.filled(s.ground)
    return (
        f'<defs><linearGradient id="{form.uid}a" x2="1" y2="1">'
        f'<stop offset="0" stop-color="{s.ground}"/>'
        f'<stop offset="1" stop-color="{s.shade}"/></linearGradient></defs>'
        + form.whole.filled(f"url(#{form.uid}a)")
    )


def _art(plan: Plan, form: Form, look: Look, category: str) -> str:
    """Return the hero, cut to the layout's shape."""
    box, words = plan.art, words_for(category)
    scene = Scene(
        box.w,
        box.h,
        form.scheme,
        art_of(category),
        words.group,
        look.density,
        words.number,
        form.uid,
        plan.zoom,
    )
    shape = plan.clip or box.filled("#000000")
    drawing = placed(hero(look.hero, scene), box.x, box.y)
    return (
        f'<defs><clipPath id="{form.uid}c">{shape}</clipPath></defs>'
        f'<g clip-path="url(#{form.uid}c)">{drawing}</g>'
    )


def _button(plan: Plan, words: Words) -> str:
    """Return the brand over its button where they stand outside the columns."""
    if plan.button is None or plan.button_inks is None:
        return ""
    button = Button(words.copy.cta, words.look, words.type, words.button_px, _ACTION)
    at, face, px = plan.button, words.type.label, words.brand_px
    width = signature_width(words.brand, face, px, _ACTION)
    top = at.y - (px * 1.5 + _BRAND_GAP + button.height) / 2
    name = signature(
        words.brand, face, plan.button_inks, at.x - width / 2, top, px, _ACTION
    )
    below = top + px * 1.5 + _BRAND_GAP
    return name + button.at(at.x - button.width / 2, below, plan.button_inks)
