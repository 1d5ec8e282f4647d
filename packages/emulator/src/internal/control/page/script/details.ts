/** The pane with all that the journal knows of one entry. */
import type { Dom } from "./dom.js"
import type { Endpoints } from "./endpoints.js"
import type { Entry, EntryTexts } from "./entryTexts.js"
import type { EntryView } from "./entryView.js"
import type { JournalList } from "./journal.js"
import type { Language } from "./language.js"
import type { Selection } from "./selection.js"

export const makeDetails = (
  { find, make, onClick }: Dom,
  { onChange, t }: Language,
  { call }: Endpoints,
  journal: JournalList,
  selection: Selection,
  texts: EntryTexts,
  { messages, summary }: EntryView
) => {
  const pane = find("details")
  const body = find("details-body")
  let shown: Entry | undefined
  /** The id of the entry that is asked for, or 0. */
  let asked = 0

  const attempts = (entry: Entry): ReadonlyArray<Node> => {
    if (entry._tag !== "Push") return []
    const all = journal.ofEvent(entry.eventId)
    return all.length < 2 ? [] : [
      make("h3", { text: t("attempts") }),
      make("div", {
        class: "buttons",
        attributes: { id: "attempts" },
        children: all.map((attempt) => {
          const button = make("button", {
            text: `${attempt._tag === "Push" ? attempt.attempt : ""}: ${texts.outcomeOf(attempt).text}`,
            attributes: { type: "button", ...(attempt.id === entry.id && { "aria-current": "true" }) }
          })
          button.addEventListener("click", () => void open(attempt.id))
          return button
        })
      })
    ]
  }

  const render = (): void => {
    if (shown === undefined) return
    find("details-title").textContent = texts.titleOf(shown)
    body.replaceChildren(summary(shown), ...attempts(shown), ...messages(shown))
  }

  const open = async (id: number): Promise<void> => {
    asked = id
    const answer = await call<Entry>("GET", `/journal/${id}`)
    // Another entry may have been chosen meanwhile.
    if (asked !== id) return
    pane.hidden = false
    if (answer.ok) {
      shown = answer.value
      render()
    } else {
      shown = undefined
      find("details-title").textContent = t("details")
      body.replaceChildren(make("p", { text: answer.sentence }))
    }
    selection.activateId(id)
    pane.scrollTop = 0
    pane.focus({ preventScroll: true })
  }

  const close = (): void => {
    asked = 0
    if (pane.hidden) return
    pane.hidden = true
    shown = undefined
    find("rows").focus({ preventScroll: true })
  }

  selection.onOpen((id) => void open(id))
  onClick("details-close", close)
  onChange(render)

  return {
    close,
    /** Shows new attempts of the event that is shown. */
    added: (entries: ReadonlyArray<Entry>): void => {
      const { eventId } = shown?._tag === "Push" ? shown : { eventId: undefined }
      if (eventId !== undefined && entries.some((entry) => entry._tag === "Push" && entry.eventId === eventId)) render()
    }
  }
}

export type Details = ReturnType<typeof makeDetails>
