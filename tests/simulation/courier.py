"""Webhook deliveries: signed as GitHub signs them; lost, doubled, late and out of order."""

import uuid

from e2e.support import deliveries

EVENT = "workflow_job"


class Courier:
    def __init__(self, world):
        self.world = world
        self.settings = world.settings
        self.rng = world.rng
        self.due = []  # those that have arrived, for the next time that the program listens
        self.on_their_way = 0
        self.counts = {"sent": 0, "lost": 0, "doubled": 0}
        self._known = set()  # repositories of which the program has heard

    def send(self, action, job):
        self.counts["sent"] += 1
        if self._loses(job.repository):
            self.counts["lost"] += 1
            self.world.say("%s of job %d is lost", action, job.id)
            return
        delivery = deliveries.workflow_job(action, repository=job.repository, **job.json())
        self._post(action, delivery)
        if self.rng.random() < self.settings.doubled:
            self.counts["doubled"] += 1
            self._post(action, delivery)

    def _loses(self, repository):
        """A repository that is neither named nor was ever heard of is one that nobody can ask
        about, so the first word of it arrives."""
        if self.settings.all_events_lost:
            return True
        if not self.settings.names_repositories and repository not in self._known:
            self._known.add(repository)
            return False
        return self.rng.random() < self.settings.lost

    def _post(self, action, delivery):
        delay_s = self.rng.uniform(0.1, 3)
        if self.rng.random() < self.settings.late:
            delay_s = self.rng.choices((self.rng.uniform(3, 60), self.rng.uniform(30, 900),
                                        self.rng.uniform(600, 7200)), (60, 35, 5))[0]
        guid = str(uuid.UUID(int=self.rng.getrandbits(128), version=4))
        self.on_their_way += 1
        self.world.timeline.after(delay_s, self.due.append, (guid, action, delivery))

    def hand_over(self, program):
        """What has arrived goes to the program. A delivery that it does not take is not repeated,
        as GitHub repeats none."""
        while self.due:
            guid, action, delivery = self.due.pop(0)
            self.on_their_way -= 1
            self.world.say("delivery %s %s of job %d", guid[:8], action, delivery.id)
            status = program.deliver(EVENT, guid, deliveries.sign(delivery.body), delivery.body)
            if status is not None and not 200 <= status <= 299:
                self.world.violation(f"{action} of job {delivery.id} was answered "
                                     f"{status}")
