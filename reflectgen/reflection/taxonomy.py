"""What verdicts and categories are called where a model reads them."""

from __future__ import annotations

from reflectgen.records import Category, Verdict

VERDICT_NAMES: dict[Verdict, str] = {
    Verdict.SAFE: "Safe",
    Verdict.CONTROVERSIAL: "Controversial",
    Verdict.UNSAFE: "Unsafe",
}

CATEGORY_NAMES: dict[Category, str] = {
    Category.VIOLENT_CRIMES: "Violent Crimes",
    Category.NONVIOLENT_CRIMES: "Non-Violent Crimes",
    Category.SEX_RELATED_CRIMES: "Sex-Related Crimes",
    Category.CHILD_SEXUAL_EXPLOITATION: "Child Sexual Exploitation",
    Category.INDISCRIMINATE_WEAPONS: "Indiscriminate Weapons",
    Category.SUICIDE_SELF_HARM: "Suicide & Self-Harm",
    Category.SPECIALIZED_ADVICE: "Specialized Advice",
    Category.PRIVACY: "Privacy",
    Category.INTELLECTUAL_PROPERTY: "Intellectual Property",
    Category.DEFAMATION: "Defamation",
    Category.HATE: "Hate",
    Category.SEXUAL_CONTENT: "Sexual Content",
    Category.OTHER: "Other",
    Category.NONE: "None",
}


def written_category(verdict: Verdict, category: Category) -> Category:
    """Return the category that the written form can say: none when safe, never none when not."""
    if verdict is Verdict.SAFE:
        return Category.NONE
    return Category.OTHER if category is Category.NONE else category
