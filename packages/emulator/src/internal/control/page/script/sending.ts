/** The form that sends an event or a callback, and shows what the user sees. */
import type * as ControlApi from "../../../../ControlApi.js"
import type { Delivered } from "./apps.js"
import type { Dom } from "./dom.js"
import type { Endpoints } from "./endpoints.js"
import type { Language } from "./language.js"
import type { StateHolder } from "./state.js"

type Template = typeof ControlApi.Template.Encoded

/** Says what came of a delivery. */
export const makeSentences = ({ t }: Language) => (what: string, { outcome, status }: Delivered) => {
  const values = { what, status: status ?? "" }
  switch (outcome) {
    case "acknowledged":
      return { text: t("acknowledged", values), tone: "good" as const }
    case "refused":
      return { text: t(status === null ? "refusedNoStatus" : "refused", values), tone: "bad" as const }
    case "timed out":
      return { text: t("timedOut", values), tone: "bad" as const }
    case "unreachable":
      return { text: t("unreachable", values), tone: "bad" as const }
    case "no request URL":
      return { text: t("noUrl", values), tone: "bad" as const }
    case "lost":
      return { text: t("lost", values), tone: "bad" as const }
    case "pending":
      return { text: t("pending", values), tone: "good" as const }
  }
}

export const makeSending = (
  dom: Dom,
  { current, onChange, t }: Language,
  { call }: Endpoints,
  state: StateHolder,
  sentenceOfDelivery: ReturnType<typeof makeSentences>
) => {
  const { dialog, find, input, make, onClick, onSubmit, select, showList } = dom
  const payload = find<HTMLTextAreaElement>("send-payload")
  const result = find("send-result")
  /** An app may ignore a message that has the id of an earlier message. */
  const messageId = /om_emulator(_[0-9a-f]+)?/g
  let templates: ReadonlyArray<Template> = []
  /** Counts what was sent, and grows when the form is opened: an answer that comes later is not shown. */
  let turn = 0

  const freshId = (): string =>
    `om_emulator_${
      Array.from(crypto.getRandomValues(new Uint8Array(6)), (n) => n.toString(16).padStart(2, "0")).join("")
    }`

  const renewId = (): void => {
    const id = freshId()
    payload.value = payload.value.replace(messageId, () => id)
  }

  const showTemplates = (): void => {
    const option = ({ titles, type }: Template) =>
      make("option", { text: `${titles[current()]} · ${type}`, attributes: { value: type } })
    const group = (kind: Template["kind"]) =>
      make("optgroup", {
        attributes: { label: t(kind === "event" ? "events" : "callbacks") },
        children: templates.filter((template) => template.kind === kind).map(option)
      })
    const { value } = select("send-template")
    select("send-template").replaceChildren(
      make("option", { text: t("ownJson"), attributes: { value: "" } }),
      group("event"),
      group("callback")
    )
    select("send-template").value = value
  }

  const fill = (): void => {
    const template = templates.find(({ type }) => type === select("send-template").value)
    select("send-kind").value = template?.kind ?? "event"
    select("send-schema").value = template?.schema ?? "2.0"
    input("send-type").value = template?.type ?? ""
    payload.value = JSON.stringify(template?.payload ?? {}, null, 2)
    renewId()
  }

  const showTenants = (): void => {
    const tenants = state.app()?.tenants ?? []
    showList(select("send-tenant"), [...tenants, ""], {
      key: (tenant) => tenant,
      make: (tenant) => make("option", { attributes: { value: tenant } }),
      update: (child, tenant) => dom.setText(child, tenant === "" ? t("noTenant") : tenant)
    })
    if (select("send-tenant").selectedIndex === -1) select("send-tenant").selectedIndex = 0
  }

  const open = async (type: string): Promise<void> => {
    const app = state.app()
    if (app === undefined) return
    if (templates.length === 0) {
      const answer = await call<ReadonlyArray<Template>>("GET", "/templates")
      if (answer.ok) templates = answer.value
    }
    showTemplates()
    select("send-template").value = type
    fill()
    showTenants()
    select("send-tenant").selectedIndex = 0
    result.replaceChildren()
    turn++
    find<HTMLButtonElement>("send-now").disabled = false
    dialog("send").showModal()
  }

  type Shown = Readonly<Record<string, unknown>>
  const isObject = (value: unknown): value is Shown =>
    typeof value === "object" && value !== null && !Array.isArray(value)

  const textIn = (texts: unknown): string | undefined => {
    if (!isObject(texts)) return undefined
    const text = texts[current() === "zh" ? "zh_cn" : "en_us"]
    return typeof text === "string" ? text : undefined
  }

  const toastWords = {
    info: "toastInfo",
    success: "toastSuccess",
    error: "toastError",
    warning: "toastWarning"
  } as const

  const toast = ({ content, i18n, type }: Shown): HTMLElement => {
    const kind = typeof type === "string" && type in toastWords ? type as keyof typeof toastWords : "info"
    return make("p", {
      class: `toast ${kind}`,
      children: [
        make("b", { text: t(toastWords[kind]) }),
        make("span", { text: textIn(i18n) ?? (typeof content === "string" ? content : "") })
      ]
    })
  }

  const json = (title: string, value: unknown): ReadonlyArray<HTMLElement> => [
    make("h3", { text: title }),
    make("pre", { text: JSON.stringify(value, null, 2), attributes: { tabindex: "0", "aria-label": title } })
  ]

  const inline = (value: Shown): ReadonlyArray<HTMLElement> => {
    const { i18n_title: titles, title, ...others } = value
    return [
      make("h3", { text: t("preview") }),
      make("p", {
        class: "toast info",
        children: [make("span", { text: textIn(titles) ?? (typeof title === "string" ? title : "") })]
      }),
      ...(Object.keys(others).length > 0 ? json(t("otherAnswer"), others) : [])
    ]
  }

  /** Shows an answer to a callback as the user sees it. */
  const answerOf = (answer: Shown): ReadonlyArray<HTMLElement> => {
    const { card, inline: preview, toast: note, ...others } = answer
    return [
      make("h3", { text: t("userSees") }),
      ...(Object.keys(answer).length === 0 ? [make("p", { text: t("seesNothing") })] : []),
      ...(isObject(note) ? [toast(note)] : []),
      ...(isObject(preview) ? inline(preview) : []),
      ...(card === undefined ? [] : json(t("newCard"), card)),
      ...(Object.keys(others).length > 0 ? json(t("otherAnswer"), others) : [])
    ]
  }

  /** Reads the payload. Returns a sentence if the payload is no JSON object. */
  const readPayload = (): Shown | string => {
    try {
      const value: unknown = JSON.parse(payload.value)
      return isObject(value) ? value : t("notJson", { reason: payload.value.trim().slice(0, 80) })
    } catch (error) {
      return t("notJson", { reason: error instanceof Error ? error.message : "" })
    }
  }

  const showSentence = (text: string, tone: "" | "good" | "bad"): void =>
    result.replaceChildren(make("p", { text, class: tone }))

  const send = async (): Promise<void> => {
    const app = state.app()
    const read = readPayload()
    if (app === undefined) return
    if (typeof read === "string") return showSentence(read, "bad")
    const type = input("send-type").value.trim()
    const tenant = select("send-tenant").value
    const event = {
      type,
      schema: select("send-schema").value,
      tenantKey: tenant === "" ? null : tenant,
      payload: read
    }
    const path = `/apps/${encodeURIComponent(app.appId)}`
    const own = ++turn
    find<HTMLButtonElement>("send-now").disabled = true
    showSentence(t("sending"), "")
    if (select("send-kind").value === "callback") {
      const answer = await call<{ readonly answer: Shown }>("POST", `${path}/callbacks`, event)
      if (own !== turn) return
      if (answer.ok) result.replaceChildren(...answerOf(answer.value.answer))
      else showSentence(answer.sentence, "bad")
    } else {
      const answer = await call<Delivered>("POST", `${path}/events`, event)
      if (own !== turn) return
      const { text, tone } = answer.ok
        ? sentenceOfDelivery(type, answer.value)
        : { text: answer.sentence, tone: "bad" as const }
      showSentence(text, tone)
    }
    find<HTMLButtonElement>("send-now").disabled = false
    renewId()
    state.readSoon()
  }

  const pushEvent = () => open("im.message.receive_v1")
  const pressButton = () => open("card.action.trigger")
  onClick("push-event", pushEvent)
  onClick("press-button", pressButton)
  select("send-template").addEventListener("change", fill)
  onSubmit("send-form", send)
  onChange(() => {
    showTemplates()
    showTenants()
  })

  return { pushEvent, pressButton }
}
