// @effect-diagnostics globalTimers:off -- this runs in the browser
/** Follows the journal by server-sent events, and connects again after the emulator was away. */
import type { Dom } from "./dom.js"
import type { Endpoints } from "./endpoints.js"
import type { Entry } from "./entryTexts.js"
import type { JournalList } from "./journal.js"
import type { Language } from "./language.js"
import type { StateHolder } from "./state.js"

export const makeConnection = (
  { find, setText }: Dom,
  { onChange, t }: Language,
  { call, parse }: Endpoints,
  state: StateHolder,
  journal: JournalList,
  onEntries: (entries: ReadonlyArray<Entry>) => void
) => {
  /** The time between two tries, in milliseconds. */
  const pause = 500
  let connection: "connecting" | "connected" | "disconnected" = "connecting"
  let source: EventSource | undefined
  /** The newest entry at the last read of the state or of the journal. */
  let newest = 0

  const show = (next: typeof connection): void => {
    connection = next
    find("connection").dataset["state"] = next
    setText(find("connection"), t(next))
  }

  const retry = (): void => {
    source?.close()
    source = undefined
    show("disconnected")
    setTimeout(() => void connect(), pause)
  }

  /** Reads the journal anew each time, because the ids of an emulator that was started again begin at 1. */
  const connect = async (): Promise<void> => {
    const isThere = await state.read()
    const known = await call<ReadonlyArray<Entry>>("GET", "/journal?limit=1000")
    if (!isThere || !known.ok) return retry()
    journal.replace(known.value)
    newest = journal.newest()
    const opened = new EventSource(`/_emulator/changes?after=${newest}`)
    source = opened
    opened.addEventListener("open", () => show("connected"))
    opened.addEventListener("error", () => {
      if (source === opened) retry()
    })
    opened.addEventListener("entries", ({ data }: MessageEvent<string>) => {
      const entries = parse(data) as ReadonlyArray<Entry>
      journal.add(entries)
      onEntries(entries)
      state.readSoon()
    })
  }

  state.onRead(({ lastEntry }) => {
    // The journal was cleared elsewhere.
    if (lastEntry < newest) journal.forget(newest)
    newest = journal.newest()
  })
  onChange(() => show(connection))

  return { connect }
}
