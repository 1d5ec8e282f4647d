/** The pane with all that the journal knows of one entry. */
import type { Key } from "../words.js"
import type { Dom } from "./dom.js"
import type { Endpoints } from "./endpoints.js"
import type { Entry, JournalList } from "./journal.js"
import type { Language } from "./language.js"

export const makeDetails = (
  { find, make, onClick }: Dom,
  { onChange, t }: Language,
  { call, parse }: Endpoints,
  journal: JournalList
) => {
  const pane = find("details")
  const body = find("details-body")
  let shown: Entry | undefined
  /** The id of the entry that is asked for, or 0. */
  let asked = 0

  const fields = (pairs: ReadonlyArray<readonly [Key, string | undefined]>): HTMLElement =>
    make("dl", {
      children: pairs.flatMap(([key, value]) =>
        value === undefined || value === "" ? [] : [make("dt", { text: t(key) }), make("dd", { text: value })]
      )
    })

  const pretty = (text: string): string => {
    const json = parse(text)
    return json === undefined ? text : JSON.stringify(json, null, 2)
  }

  const message = (title: Key, given: { headers: Readonly<Record<string, string>>; text: string }) => [
    make("h3", { text: t(title) }),
    given.text === ""
      ? make("p", { class: "hint", text: t("empty") })
      : make("pre", { text: pretty(given.text), attributes: { tabindex: "0", "aria-label": t(title) } }),
    make("details", {
      attributes: Object.keys(given.headers).length > 0 ? { open: "" } : {},
      children: [
        make("summary", { text: t("headers") }),
        make("dl", {
          class: "mono",
          children: Object.entries(given.headers).flatMap(([name, value]) => [
            make("dt", { text: name }),
            make("dd", { text: value })
          ])
        })
      ]
    })
  ]

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
            text: `${attempt._tag === "Push" ? attempt.attempt : ""}: ${journal.outcomeOf(attempt).text}`,
            attributes: { type: "button", ...(attempt.id === entry.id && { "aria-current": "true" }) }
          })
          button.addEventListener("click", () => void open(attempt.id))
          return button
        })
      })
    ]
  }

  const origins = { platform: "originPlatform", forged: "originForged", replayed: "originReplayed" } as const
  const bearers = { none: "bearerNone", valid: "bearerValid", invalid: "bearerInvalid" } as const

  const summary = (entry: Entry): HTMLElement => {
    const common = [
      ["time", journal.formatTime(entry.at)],
      ["took", `${Math.round(entry.endedAt - entry.at)} ms`],
      ["outcome", journal.outcomeOf(entry).text],
      ["app", entry.appId]
    ] as const
    switch (entry._tag) {
      case "Call":
        return fields([
          ...common,
          ["tenant", entry.tenantKey],
          ["query", entry.query],
          ["bearer", t(bearers[entry.token])],
          ["fault", entry.fault],
          ["logId", entry.logId]
        ])
      case "Handshake":
        return fields([...common, ["reason", entry.reason]])
      case "Push":
        return fields([
          ...common,
          ["tenant", entry.tenantKey],
          ["eventId", entry.eventId],
          ["attempt", String(entry.attempt)],
          ["origin", t(origins[entry.origin])],
          ["fault", entry.fault]
        ])
    }
  }

  const messages = (entry: Entry): ReadonlyArray<Node> => {
    if (entry._tag === "Handshake") return []
    const { received, sent } = entry
    const [question, answer] = entry._tag === "Call" ? [received, sent] : [sent, received]
    if (question === undefined && answer === undefined) return [make("p", { class: "hint", text: t("noDetails") })]
    return [
      ...(question === undefined ? [] : message(entry._tag === "Call" ? "request" : "delivery", question)),
      ...(answer === undefined
        ? [make("h3", { text: t("answer") }), make("p", { class: "hint", text: t("noAnswerThere") })]
        : message("answer", answer))
    ]
  }

  const render = (): void => {
    if (shown === undefined) return
    find("details-title").textContent = journal.titleOf(shown)
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
    journal.activateId(id)
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

  journal.onOpen((id) => void open(id))
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
