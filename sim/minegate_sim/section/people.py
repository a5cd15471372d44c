"""People with tags who walk through the roads of a section: shift in, work, walk about, and out when told. Pure.

Walking speed 1.2 m/s on the flat. A tag is heard by the reader of the road it is in; who is outside is not counted.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

WALK_M_S = 1.2
PACE_S = 60.0  # somebody at work moves to another spot about this often
PEOPLE_MAX = 500


@dataclass(slots=True)
class Person:
    """`x_m` along the way; below zero: outside."""

    tag: int
    x_m: float
    goal_m: float


class Crew:
    """People on one way: `roads` with their lengths, from outside to the face."""

    def __init__(self, roads: Sequence[tuple[str, float]], people: int, first_tag: int, chance: random.Random) -> None:
        self._roads = tuple(roads)
        self._length_m = sum(length for _, length in roads)
        self._chance = chance
        self._next_tag = first_tag
        self.people: list[Person] = []
        self.ordered_out = False
        self.enter(people, at_work=True)

    def enter(self, people: int, at_work: bool = False) -> None:
        """More people come in from outside (or are at their places already). ValueError above PEOPLE_MAX."""
        if len(self.people) + people > PEOPLE_MAX:
            raise ValueError(f"people: {len(self.people) + people} are more than {PEOPLE_MAX}")
        for _ in range(people):
            goal = self._chance.uniform(0.3, 1.0) * self._length_m
            self.people.append(Person(self._next_tag, goal if at_work else -self._chance.uniform(0.0, 30.0), goal))
            self._next_tag += 1

    def walk(self, dt_s: float) -> None:
        """Everybody moves on; who is told to leave leaves, and is gone when outside."""
        for person in self.people:
            if self.ordered_out:
                person.goal_m = -1.0
            elif person.x_m == person.goal_m and self._chance.random() < min(1.0, dt_s / PACE_S):
                person.goal_m = min(self._length_m, max(0.0, person.goal_m + self._chance.gauss(0.0, 8.0)))
            way_m = person.goal_m - person.x_m
            step_m = WALK_M_S * dt_s
            person.x_m = person.goal_m if abs(way_m) <= step_m else person.x_m + (step_m if way_m > 0 else -step_m)
        if self.ordered_out:
            self.people = [person for person in self.people if person.x_m > -1.0]

    def count(self, road: str | None = None) -> int:
        """Heads inside, or in one road."""
        return sum(1 for person in self.people if (where := self.where(person)) is not None and road in (None, where))

    def where(self, person: Person) -> str | None:
        """The road that the tag is in; None outside."""
        if person.x_m < 0.0:
            return None
        behind_m = 0.0
        for name, length_m in self._roads:
            behind_m += length_m
            if person.x_m <= behind_m:
                return name
        return self._roads[-1][0]
