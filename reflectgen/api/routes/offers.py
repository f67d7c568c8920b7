"""What the operator offers: recipes, endpoints, tokenizers and trainings, by name."""

from __future__ import annotations

from fastapi import APIRouter

from reflectgen.api import schemas as s
from reflectgen.api.access import Reader
from reflectgen.api.problems import documented
from reflectgen.api.service import Here
from reflectgen.jobs.offered_trainings import OfferedTraining
from reflectgen.train.presets import DEFAULT_PRESET

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


@router.get("/trainings", responses=documented(401, 403, 429))
async def list_offered_trainings(here: Here, _key: Reader) -> s.Offers[s.OfferedTrainingView]:
    """List the trainings that may be asked for of a completed job."""
    return s.Offers(data=[_offered(name, one) for name, one in sorted(here.trainings.items())])


def _offered(name: str, training: OfferedTraining) -> s.OfferedTrainingView:
    model, loop = training.options.model, training.options.loop
    has_own = model.shape is not None or model.start is not None
    preset = None if has_own else model.preset or DEFAULT_PRESET
    return s.OfferedTrainingView(name=name, preset=preset, steps=loop.steps, epochs=loop.epochs)
