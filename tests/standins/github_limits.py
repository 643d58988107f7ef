"""GitHub's limits on how often it is asked: the primary one by the hour, and the secondary one on
requests that create something."""

import collections

from .github_answers import DOCS, error

CONTENT_WINDOW_S = 60


class RateLimit:
    """GitHub's primary limit: so many requests an hour, then 403 until the hour is over."""

    def __init__(self, clock, limit=5000, window_s=3600):
        self.clock = clock
        self.limit = limit
        self.window_s = window_s
        self.remaining = limit
        self.reset_at = int(clock()) + window_s

    def renew(self):
        """Begins another hour where the last one is over."""
        if self.clock() >= self.reset_at:
            self.remaining = self.limit
            self.reset_at = int(self.clock()) + self.window_s

    def take(self):
        """Counts one request; False when the limit is used up."""
        self.renew()
        if self.remaining <= 0:
            return False
        self.remaining -= 1
        return True

    def give_back(self):
        """An answer of 304 costs nothing."""
        self.remaining += 1

    def headers(self):
        return [("x-ratelimit-limit", str(self.limit)),
                ("x-ratelimit-remaining", str(self.remaining)),
                ("x-ratelimit-used", str(self.limit - self.remaining)),
                ("x-ratelimit-reset", str(self.reset_at)),
                ("x-ratelimit-resource", "core")]

    def json(self):
        return {"limit": self.limit, "used": self.limit - self.remaining,
                "remaining": self.remaining, "reset": self.reset_at}


class Limits:
    """Both limits, for each credential by itself: one person's tokens count together, and so do one
    installation's. The plain tokens of GitHub(tokens=...) are one person's."""

    def __init__(self, clock, rate_limit, content_per_minute):
        self.clock = clock
        self.rate_limit = rate_limit
        self.content_per_minute = content_per_minute  # None for any number
        self.plain = RateLimit(clock, rate_limit)
        self.secondary_refusals = 0
        self._rates = {None: self.plain}
        self._created = collections.defaultdict(collections.deque)

    def bound(self, key, limit):
        """Gives a credential a limit of its own."""
        self._rates[key] = RateLimit(self.clock, limit)

    def rate_of(self, key):
        if key not in self._rates:
            self._rates[key] = RateLimit(self.clock, self.rate_limit)
        return self._rates[key]

    def refusal_to_create(self, key):
        """Counts a request that creates; GitHub's refusal where there were too many of late."""
        if self.content_per_minute is None:
            return None
        now, created = self.clock(), self._created[key]
        while created and created[0] <= now - CONTENT_WINDOW_S:
            created.popleft()
        if len(created) < self.content_per_minute:
            created.append(now)
            return None
        self.secondary_refusals += 1
        return error(403, "You have exceeded a secondary rate limit. Please wait a few minutes "
                     "before you try again.",
                     f"{DOCS}/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits",
                     headers=[("retry-after", str(CONTENT_WINDOW_S))])
