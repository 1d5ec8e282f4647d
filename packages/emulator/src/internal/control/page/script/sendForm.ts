/** The fields of the form that sends an event or a callback. */
import type * as ControlApi from "../../../../ControlApi.js"
import type { Answers, Shown } from "./answers.js"
import type { Dom } from "./dom.js"
import type { Endpoints } from "./endpoints.js"
import type { Language } from "./language.js"
import type { StateHolder } from "./state.js"

type Template = typeof ControlApi.Template.Encoded

export const makeSendForm = (
  { find, input, make, select, setText, showList }: Dom,
  { current, onChange, t }: Language,
  { call }: Endpoints,
  state: StateHolder,
  { isObject }: Answers
) => {
  const payload = find<HTMLTextAreaElement>("send-payload")
  /** An app may ignore a message that has the id of an earlier message. */
  const messageId = /om_emulator(_[0-9a-f]+)?/g
  let templates: ReadonlyArray<Template> = []

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
      update: (child, tenant) => setText(child, tenant === "" ? t("noTenant") : tenant)
    })
    if (select("send-tenant").selectedIndex === -1) select("send-tenant").selectedIndex = 0
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

  select("send-template").addEventListener("change", fill)
  onChange(() => {
    showTemplates()
    showTenants()
  })

  return {
    renewId,
    /** Fills the form with the template of a type. */
    choose: async (type: string): Promise<void> => {
      // Each time, because the emulator gives the templates the time of now.
      const answer = await call<ReadonlyArray<Template>>("GET", "/templates")
      if (answer.ok) templates = answer.value
      showTemplates()
      select("send-template").value = type
      fill()
      showTenants()
      select("send-tenant").selectedIndex = 0
    },
    isCallback: (): boolean => select("send-kind").value === "callback",
    /** Reads the form. Returns a sentence if the payload is no JSON object. */
    read: () => {
      const read = readPayload()
      if (typeof read === "string") return read
      const tenant = select("send-tenant").value
      return {
        type: input("send-type").value.trim(),
        schema: select("send-schema").value,
        tenantKey: tenant === "" ? null : tenant,
        payload: read
      }
    }
  }
}

export type SendForm = ReturnType<typeof makeSendForm>
