/** The clock of the platform, the journal's end, and the reset. */
import type { Dom } from "./dom.js"
import type { Endpoints } from "./endpoints.js"
import type { JournalList } from "./journal.js"
import type { Language } from "./language.js"
import type { StateHolder } from "./state.js"

export const makePlatform = (
  { dialog, find, input, onClick, onSubmit, say, setText }: Dom,
  { current, duration, onChange, t }: Language,
  { call }: Endpoints,
  state: StateHolder,
  journal: JournalList
) => {
  const showClock = (): void => {
    if (state.current() === undefined) return
    const format = new Intl.DateTimeFormat(current() === "zh" ? "zh-CN" : "en-GB", {
      day: "numeric",
      month: "short",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit"
    })
    setText(find("clock"), format.format(state.now()))
  }

  const advance = async (advance: string): Promise<boolean> => {
    const answer = await call<{ readonly advanced: number }>("POST", "/clock", { advance })
    if (answer.ok) say("clock-result", t("advanced", { time: duration(answer.value.advanced) }), "good")
    else say("clock-result", answer.sentence, "bad")
    await state.read()
    return answer.ok
  }

  const clearJournal = async (): Promise<void> => {
    const newest = journal.newest()
    const answer = await call<void>("DELETE", "/journal")
    if (answer.ok) journal.forget(newest)
    say("traffic-result", answer.ok ? t("journalCleared") : answer.sentence, answer.ok ? "" : "bad")
  }

  const reset = async (): Promise<void> => {
    const newest = journal.newest()
    const answer = await call<void>("POST", "/reset")
    dialog("reset").close()
    if (answer.ok) journal.forget(newest)
    say("traffic-result", answer.ok ? t("resetDone") : answer.sentence, answer.ok ? "" : "bad")
    await state.read()
  }

  for (const button of document.querySelectorAll<HTMLElement>("[data-advance]")) {
    button.addEventListener("click", () => void advance(button.dataset["advance"] ?? ""))
  }
  onSubmit("advance-form", async () => {
    if (await advance(input("advance").value.trim())) input("advance").value = ""
  })
  onClick("clear-journal", clearJournal)
  onClick("reset-open", () => dialog("reset").showModal())
  onSubmit("reset-form", reset)
  state.onChange(({ advanced, baseUrl }) => {
    setText(find("base-url"), baseUrl)
    setText(find("ahead"), advanced > 0 ? t("ahead", { time: duration(advanced) }) : "")
    showClock()
  })
  onChange(() => {
    say("clock-result", "")
    say("traffic-result", "")
  })

  return { showClock }
}
