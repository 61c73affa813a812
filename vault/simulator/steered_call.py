"""A call controlled by documents, which are requested, parsed and followed like the platform does.

The notices are fetched and checked, at most one key is pressed, and a recording is made only if a document
or the REST API starts it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vault.errors import Invalid
from vault.simulator.call import SimulatedCall
from vault.simulator.checks import check_prompt
from vault.simulator.instructions import Begin, Follow, Instruction, Sound, Speak, Wait
from vault.simulator.provider import Asking, SteeredProvider
from vault.simulator.scene import Scene
from vault.simulator.sender import Sender

#: The URL of the simulated account's application, where the call continues; it is never requested.
NEXT = "https://application.example/next"
#: Maximum documents; more mean a loop.
_MAX_DOCUMENTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The request for the next document: its URL and its reason."""

    url: str
    asking: Asking
    key: str | None = None
    payload: object = None


@dataclass(slots=True, kw_only=True, repr=False)
class SteeredCall:
    """One call that follows the documents."""

    scene: Scene
    provider: SteeredProvider
    call: SimulatedCall
    #: The key that the party presses during the notice; None for no keypress.
    press: str | None = None
    #: The recording's callback URL, after a recording was started.
    status_url: str | None = None
    #: Number of played notices or pieces of notices.
    heard: int = 0

    async def go(self, start_url: str) -> None:
        """Follow the documents until the call continues at the account's own application."""
        step: Step | None = Step(url=start_url, asking="start")
        self.provider.begins(self.call)
        for _ in range(_MAX_DOCUMENTS):
            if step is None:
                break
            step = await self._step(step)
        else:
            self.scene.failures.append(f"The documents loop: there were more than {_MAX_DOCUMENTS}.")
        if self.press is not None:
            self.scene.failures.append(f"No document asked for a key, so {self.press} was not pressed.")
        if not self.heard:
            self.scene.failures.append("No document contained a notice.")

    async def _step(self, step: Step) -> Step | None:
        """Request one document and follow it; return the next step, or None if the call leaves the vault."""
        url = step.url.partition("#")[0]
        request = self.provider.asks(self.call, url, step.asking, key=step.key, payload=step.payload)
        if step.asking == "start":
            await Sender(self.scene).forge(request, url)
        answered = await self.scene.vault.deliver(url, request)
        pressed = "" if step.key is None else f" with {step.key}"
        self.scene.say("document", f"{request.event}{pressed}: {answered.status} {answered.media_type}")
        if answered.status != 200:  # noqa: PLR2004 - the status itself
            self.scene.failures.append(f"{request.event} was answered with {answered.detail}")
            return None
        try:
            instructions = self.provider.read(answered.body, self.call)
        except Invalid as error:
            self.scene.failures.append(f"{self.provider.name} could not follow the document. {error}")
            return None
        self._begin(self.provider.begun(self.call))
        return await self._follow(instructions)

    async def _follow(self, instructions: Sequence[Instruction]) -> Step | None:
        for instruction in instructions:
            match instruction:
                case Speak() | Sound():
                    await self._hear(instruction)
                case Begin(status_url):
                    self._begin(status_url)
                case Wait(prompts, url, always):
                    for prompt in prompts:
                        await self._hear(prompt)
                    key, self.press = self.press, None
                    if key is not None or always:
                        return Step(url=url, asking="key", key=key)
                case Follow(url, payload):
                    if url != NEXT:
                        return Step(url=url, asking="next", payload=payload)
                    self.scene.say("continues", f"at the application of the account: {NEXT}")
                    return None
        self.scene.failures.append("A document ends without an instruction how to continue the call.")
        return None

    async def _hear(self, prompt: Speak | Sound) -> None:
        self.heard += 1
        if isinstance(prompt, Speak):
            self.scene.say("notice", f'spoken: "{prompt.text}"')
            return
        answered = await self.scene.vault.fetch(prompt.url)
        self.scene.say("notice", f"played: {len(answered.body)} bytes of {answered.media_type}")
        self.scene.failures += check_prompt(answered)

    def _begin(self, status_url: str | None) -> None:
        if status_url is None or status_url == self.status_url:
            return
        if self.status_url is not None:
            self.scene.failures.append("A second recording was started.")
        self.status_url = status_url
        self.scene.say("recording", "started")
