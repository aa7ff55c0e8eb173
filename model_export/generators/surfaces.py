"""A model of some surfaces -> the same model of this process's surfaces.

What it learnt of a surface that both have is kept; a new one starts from the prior, and
in the networks from zero. Categories need nothing: a taste model keeps to those that it
was fitted on until it is fitted again.
"""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from model_export.critic.critic_state import CriticState
from model_export.critic.layout import Layout
from model_export.generators import checkpoint
from model_export.generators.checkpoint import Model
from model_export.generators.recipe import Networks
from schemas.vocabulary import deployed

_INPUTS = "first.weight"
"""Of every network's body: what it makes of its inputs."""

Moves = NDArray[np.intp]
"""[2, n]: column of before, column of now."""


def on_our_surfaces(model: Model) -> Model:
    """Return the model with the surfaces of the vocabulary of this process.

    A generator of somebody else's keeps its inputs, and so its surfaces.
    """
    before, now = model.critic_state.taste.ids.surfaces, deployed().surfaces
    if before == now or model.networks is None:
        return model
    person = _person_moves(model.critic_state.critic.layout, before, now)
    critic_state = _critic_state(model.critic_state, person, now)
    networks = _networks(model, model.networks, critic_state, person)
    return replace(model, critic_state=critic_state, networks=networks)


def _person_moves(
    layout: Layout, before: tuple[str, ...], now: tuple[str, ...]
) -> Moves:
    """Return where person features go: tastes, surfaces, hour."""
    k, hour = layout.n_tastes, layout.n_tastes + layout.n_surfaces
    pairs = [(i, i) for i in range(k)]
    pairs += [
        (k + before.index(name), k + now.index(name)) for name in before if name in now
    ]
    pairs += [(hour + i, k + len(now) + i) for i in range(layout.n_features - hour)]
    return np.array(pairs, np.intp).T


def _critic_state(
    known: CriticState, person: Moves, now: tuple[str, ...]
) -> CriticState:
    critic, ids = known.critic, replace(known.taste.ids, surfaces=now)
    old, new = critic.layout, replace(critic.layout, n_surfaces=len(now))
    moves = _weight_moves(old, new, person)
    precision = np.zeros((new.n_weights, new.n_weights))
    precision[np.ix_(moves[1], moves[1])] = critic.precision[np.ix_(moves[0], moves[0])]
    eta = np.zeros(new.n_weights)
    eta[moves[1]] = critic.eta[moves[0]]
    rows = np.zeros(
        (len(known.expected_clicks.rows), new.n_weights),
        known.expected_clicks.rows.dtype,
    )
    rows[:, moves[1]] = known.expected_clicks.rows[:, moves[0]]
    return replace(
        known,
        taste=replace(known.taste, ids=ids),
        critic=replace(critic, layout=new, precision=precision, eta=eta),
        expected_clicks=replace(known.expected_clicks, rows=rows),
    )


def _weight_moves(old: Layout, new: Layout, person: Moves) -> Moves:
    """Return where the critic's weights go: looks x who, context, intercept."""
    everybody = np.zeros((2, 1), np.intp)
    is_who = person[0] < old.n_who - 1
    who = np.concatenate([everybody, 1 + person[:, is_who]], 1)  # (2, W)
    looks = np.arange(old.n_looks)
    pairs = [
        (looks[:, None] * layout.n_who + who[side]).ravel()
        for side, layout in enumerate((old, new))
    ]
    ends = [layout.n_looks * layout.n_who for layout in (old, new)]
    context = person + np.array(ends)[:, None]
    intercept = np.array([[old.n_weights - 1], [new.n_weights - 1]])
    return np.concatenate([np.stack(pairs), context, intercept], 1)


def _networks(
    model: Model, before: Networks, known: CriticState, person: Moves
) -> Networks:
    """Return networks that read the new features; inputs end in a person's."""
    n_old = model.critic_state.taste.n_features
    built = checkpoint.build(
        model.kind, model.space, known.taste.n_features, model.seed
    )
    for name, network in built.modules().items():
        trained = before.modules()[name].state_dict()
        network.load_state_dict(
            {
                key: _widened(trained[key], part, n_old, person)
                if key.endswith(_INPUTS)
                else trained[key]
                for key, part in network.state_dict().items()
            }
        )
    return built


def _widened(
    trained: torch.Tensor, built: torch.Tensor, n_old: int, person: Moves
) -> torch.Tensor:
    """Return a first layer's weights, with a person's columns where they are now."""
    lead = trained.shape[1] - n_old
    out = torch.zeros_like(built)
    out[:, :lead] = trained[:, :lead]
    out[:, lead + person[1]] = trained[:, lead + person[0]]
    return out
