// @effect-diagnostics globalTimers:off -- this runs in the browser
/** The list of exchanges and deliveries: newest first, bounded, filtered, paused. */
import type * as ControlApi from "../../../../ControlApi.js"
import type { Dom } from "./dom.js"
import type { Language } from "./language.js"

export type Entry = typeof ControlApi.Entry.Encoded

export const makeJournal = ({ find, make, onClick, select, setText }: Dom, { current, onChange, t }: Language) => {
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
  let active: string | undefined
  let open: (id: number) => void = () => {}
  let timeFormat: Intl.DateTimeFormat

  const setTimeFormat = () => {
    timeFormat = new Intl.DateTimeFormat(current() === "zh" ? "zh-CN" : "en-GB", {
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      fractionalSecondDigits: 3
    })
  }

  const kindOf = (entry: Entry): string => entry._tag === "Push" ? entry.kind : entry._tag.toLowerCase()

  const matches = (entry: Entry): boolean =>
    (select("filter-app").value === "" || entry.appId === select("filter-app").value)
    && (select("filter-kind").value === "" || kindOf(entry) === select("filter-kind").value)

  const titleOf = (entry: Entry): string =>
    entry._tag === "Call"
      ? `${entry.method} ${entry.path}`
      : entry._tag === "Push"
      ? entry.eventType
      : t("handshake")

  const outcomeWords = {
    acknowledged: "outcomeAcknowledged",
    refused: "outcomeRefused",
    "timed out": "outcomeTimedOut",
    unreachable: "outcomeUnreachable",
    "no request URL": "outcomeNoUrl",
    lost: "outcomeLost",
    passed: "outcomePassed",
    failed: "outcomeFailed",
    "no answer": "noAnswer",
    "broken off": "brokenOff"
  } as const

  const outcomeOf = (entry: Entry): { readonly text: string; readonly tone: "good" | "bad" } => {
    const fault = entry._tag === "Handshake" || entry.fault === undefined ? "" : ` · ${entry.fault}`
    if (entry._tag === "Call" && entry.outcome === "answered") {
      const { code, status } = entry
      const isGood = (status ?? 0) < 400 && (code ?? 0) === 0
      return { text: `${status}${code === undefined ? "" : ` · ${code}`}${fault}`, tone: isGood ? "good" : "bad" }
    }
    const word = t(outcomeWords[entry.outcome as keyof typeof outcomeWords])
    const status = entry._tag === "Push" && entry.status !== undefined ? ` · ${entry.status}` : ""
    const isGood = entry.outcome === "acknowledged" || entry.outcome === "passed"
    return { text: word + status + fault, tone: isGood ? "good" : "bad" }
  }

  const rowOf = (entry: Entry): HTMLLIElement => {
    const outcome = outcomeOf(entry)
    const id = String(entry.id)
    return make("li", {
      attributes: { id: `row-${id}`, "data-id": id, role: "option", "aria-selected": String(id === active) },
      children: [
        make("span", { class: "time", text: timeFormat.format(entry.at) }),
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

  const activate = (row: Element | null): void => {
    if (row === null) return
    rows.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false")
    row.setAttribute("aria-selected", "true")
    rows.setAttribute("aria-activedescendant", row.id)
    row.scrollIntoView({ block: "nearest" })
    active = row.getAttribute("data-id") ?? undefined
  }

  const move = (step: 1 | -1): void => {
    rows.focus({ preventScroll: true })
    const row = active === undefined ? null : document.getElementById(`row-${active}`)
    activate(row === null ? rows.firstElementChild : step === 1 ? row.nextElementSibling : row.previousElementSibling)
  }

  const openActive = (): void => {
    if (active !== undefined && document.getElementById(`row-${active}`) !== null) open(Number(active))
  }

  rows.addEventListener("click", ({ target }) => {
    const row = target instanceof Element ? target.closest("[data-id]") : null
    activate(row)
    if (row !== null) openActive()
  })
  rows.addEventListener("keydown", (event) => {
    const edge = event.key === "Home" ? rows.firstElementChild : event.key === "End" ? rows.lastElementChild : undefined
    if (event.key === "ArrowDown") move(1)
    else if (event.key === "ArrowUp") move(-1)
    else if (event.key === "Enter" || event.key === " ") openActive()
    else if (edge !== undefined) activate(edge)
    else return
    event.preventDefault()
  })
  select("filter-app").addEventListener("change", rebuild)
  select("filter-kind").addEventListener("change", rebuild)
  onClick("pause", () => setPaused(!isPaused))
  onChange(() => {
    setTimeFormat()
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
    move,
    togglePause: () => setPaused(!isPaused),
    activateId: (id: number) => activate(document.getElementById(`row-${id}`)),
    onOpen: (listener: (id: number) => void) => {
      open = listener
    },
    titleOf,
    outcomeOf,
    formatTime: (millis: number) => timeFormat.format(millis)
  }
}

export type JournalList = ReturnType<typeof makeJournal>
