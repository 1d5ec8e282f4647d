// @effect-diagnostics globalTimers:off -- this runs in the browser
/** The list of exchanges and deliveries: newest first, bounded, filtered, paused. */
import type { Dom } from "./dom.js"
import type { Entry, EntryTexts } from "./entryTexts.js"
import type { Language } from "./language.js"
import type { Selection } from "./selection.js"

export const makeJournal = (
  { find, make, onClick, select, setText }: Dom,
  { onChange, t }: Language,
  { formatTime, kindOf, outcomeOf, titleOf }: EntryTexts,
  selection: Selection
) => {
  const maxRows = 1000
  const maxEntries = 5000
  /** The shortest time between two changes of the list, in milliseconds. */
  const interval = 100
  const rows = find("rows")
  let entries: Array<Entry> = []
  let pending: Array<Entry> = []
  let missed = 0
  let isPaused = false
  let isScheduled = false
  let shownAt = 0

  const matches = (entry: Entry): boolean =>
    (select("filter-app").value === "" || entry.appId === select("filter-app").value)
    && (select("filter-kind").value === "" || kindOf(entry) === select("filter-kind").value)

  const rowOf = (entry: Entry): HTMLLIElement => {
    const outcome = outcomeOf(entry)
    const id = String(entry.id)
    return make("li", {
      attributes: { id: `row-${id}`, "data-id": id, role: "option", "aria-selected": String(selection.isActive(id)) },
      children: [
        make("span", { class: "time", text: formatTime(entry.at) }),
        make("span", { class: "way", text: entry._tag === "Call" ? "→" : "←", attributes: { "aria-hidden": "true" } }),
        make("span", { class: "what mono", text: titleOf(entry) }),
        make("span", { class: "of", text: entry.appId ?? "" }),
        make("span", { class: `outcome ${outcome.tone}`, text: outcome.text }),
        make("span", { class: "took", text: `${Math.round(entry.endedAt - entry.at)} ms` })
      ]
    })
  }

  const showPause = (): void => {
    const button = find("pause")
    button.setAttribute("aria-pressed", String(isPaused))
    setText(button, isPaused ? (missed > 0 ? t("resumeCount", { count: missed }) : t("resume")) : t("pause"))
  }

  const flush = (): void => {
    isScheduled = false
    shownAt = performance.now()
    showPause()
    if (isPaused || pending.length === 0) return
    const fragment = document.createDocumentFragment()
    for (const entry of pending.slice(-maxRows).toReversed()) fragment.append(rowOf(entry))
    pending = []
    rows.prepend(fragment)
    while (rows.childElementCount > maxRows) rows.lastElementChild?.remove()
  }

  const schedule = (): void => {
    if (isScheduled) return
    isScheduled = true
    setTimeout(() => requestAnimationFrame(flush), Math.max(0, shownAt + interval - performance.now()))
  }

  /** Shows the entries anew, after a change of the filter or of the language. */
  const rebuild = (): void => {
    rows.replaceChildren()
    pending = entries.filter(matches).slice(-maxRows)
    schedule()
  }

  const setPaused = (paused: boolean): void => {
    isPaused = paused
    missed = 0
    showPause()
    if (!paused) rebuild()
  }

  select("filter-app").addEventListener("change", rebuild)
  select("filter-kind").addEventListener("change", rebuild)
  onClick("pause", () => setPaused(!isPaused))
  onChange(() => {
    showPause()
    rebuild()
  })

  return {
    add: (added: ReadonlyArray<Entry>): void => {
      entries.push(...added)
      if (entries.length > maxEntries * 1.5) entries = entries.slice(-maxEntries)
      const matching = added.filter(matches)
      if (isPaused) missed += matching.length
      else pending.push(...matching)
      // A tab in the background shows nothing, and must not keep everything.
      if (pending.length > maxRows * 2) pending = pending.slice(-maxRows)
      schedule()
    },
    replace: (all: ReadonlyArray<Entry>): void => {
      entries = [...all]
      missed = 0
      rebuild()
    },
    /** Drops the entries up to this id. */
    forget: (id: number): void => {
      entries = entries.filter((entry) => entry.id > id)
      missed = 0
      rebuild()
    },
    newest: (): number => entries.at(-1)?.id ?? 0,
    ofEvent: (eventId: string): ReadonlyArray<Entry> =>
      entries.filter((entry) => entry._tag === "Push" && entry.eventId === eventId),
    togglePause: () => setPaused(!isPaused)
  }
}

export type JournalList = ReturnType<typeof makeJournal>
