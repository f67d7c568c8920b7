"""What the operator offers: recipes, endpoints and tokenizers, by name."""

from __future__ import annotations

from fastapi import APIRouter

from reflectgen.api import schemas as s
from reflectgen.api.access import Reader
from reflectgen.api.problems import documented
from reflectgen.api.service import Here

router = APIRouter(prefix="/v1", tags=["offers"])


@router.get("/recipes", responses=documented(401, 403, 429))
async def list_recipes(here: Here, _key: Reader) -> s.Offers[s.RecipeView]:
    """List the recipes that a job may name."""
    recipes = sorted(here.registry.recipes.items())
    shown = [s.RecipeView(name=name, recipe=one.model_dump(mode="json", exclude_unset=True)) for name, one in recipes]
    return s.Offers(data=shown)


@router.get("/endpoints", responses=documented(401, 403, 429))
async def list_endpoints(here: Here, _key: Reader) -> s.Offers[s.EndpointView]:
    """List the endpoints that a recipe may use; their addresses and keys are shown to nobody."""
    endpoints = sorted(here.registry.endpoints.items())
    shown = [s.EndpointView(name=name, model=one.model, concurrency=one.concurrency) for name, one in endpoints]
    return s.Offers(data=shown)


@router.get("/tokenizers", responses=documented(401, 403, 429))
async def list_tokenizers(here: Here, _key: Reader) -> s.Offers[s.TokenizerView]:
    """List the tokenizers that an export may name."""
    return s.Offers(data=[s.TokenizerView(name=name) for name in sorted(here.registry.tokenizers)])
