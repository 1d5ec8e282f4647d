/** The rules of what goes wrong, and the form that adds one. */
import type { Key } from "../words.js"
import type { Dom } from "./dom.js"
import type { Endpoints } from "./endpoints.js"
import type { Language } from "./language.js"
import type { State, StateHolder } from "./state.js"

export const makeFaults = (
  dom: Dom,
  { onChange, t }: Language,
  { call }: Endpoints,
  state: StateHolder
) => {
  const { dialog, find, input, make, onClick, onSubmit, say, select, setText, showList } = dom

  interface Field {
    readonly name: string
    readonly label: Key
    readonly value: string
    readonly isNumber?: boolean
    readonly isOptional?: boolean
  }
  interface Kind {
    readonly id: string
    readonly tag: string
    readonly label: Key
    readonly of: "calls" | "pushes"
    readonly fields: ReadonlyArray<Field>
  }

  const duration = (name: string, label: Key): Field => ({ name, label, value: "3 seconds" })
  const status = (value: string): Field => ({ name: "status", label: "status", value, isNumber: true })
  const reset: Field = { name: "resetSeconds", label: "resetSeconds", value: "", isNumber: true, isOptional: true }
  const refusal = (code: string, msg: string, http: string, seconds: Field): ReadonlyArray<Field> => [
    { name: "code", label: "code", value: code, isNumber: true },
    { name: "msg", label: "msg", value: msg },
    status(http),
    seconds
  ]
  const kind = (of: Kind["of"], tag: string, label: Key, fields: ReadonlyArray<Field> = [], id = tag): Kind => ({
    id,
    tag,
    label,
    of,
    fields
  })

  const kinds: ReadonlyArray<Kind> = [
    kind("calls", "Drop", "faultDrop"),
    kind("calls", "Cut", "faultCut"),
    kind("calls", "CutJson", "faultCutJson"),
    kind("calls", "ContentType", "faultContentType", [{
      name: "contentType",
      label: "contentType",
      value: "text/html"
    }]),
    kind("calls", "Delay", "faultDelay", [duration("duration", "duration")]),
    kind("calls", "Refuse", "faultRefuse", refusal("99991663", "refused by a fault", "400", reset)),
    kind(
      "calls",
      "Refuse",
      "faultRateLimit",
      refusal("99991400", "request trigger frequency limit", "429", { ...reset, value: "3" }),
      "RateLimit"
    ),
    kind("calls", "Answer", "faultAnswer", [
      status("502"),
      { name: "contentType", label: "contentType", value: "text/html", isOptional: true },
      { name: "body", label: "body", value: "<h1>502</h1>", isOptional: true }
    ]),
    kind("pushes", "Lost", "faultLost"),
    kind("pushes", "Late", "faultLate", [duration("by", "by")]),
    kind("pushes", "Held", "faultHeld"),
    kind("pushes", "Doubled", "faultDoubled", [duration("after", "after")]),
    kind("pushes", "Replayed", "faultReplayed", [duration("after", "after")]),
    kind("pushes", "Forged", "faultForged"),
    kind("pushes", "Tampered", "faultTampered")
  ]

  const paths = [
    "app_ticket/resend",
    "app_access_token",
    "tenant_access_token",
    "app_access_token/internal",
    "tenant_access_token/internal"
  ].map((name) => `/open-apis/auth/v3/${name}`)
  const types = ["app_ticket", "im.message.receive_v1"]

  const chosen = (): Kind | undefined => kinds.find(({ id }) => id === select("fault-kind").value)

  const showKinds = (): void => {
    const { value } = select("fault-kind")
    select("fault-kind").replaceChildren(
      ...(["calls", "pushes"] as const).map((of) =>
        make("optgroup", {
          attributes: { label: t(of) },
          children: kinds.filter((kind) => kind.of === of).map(({ id, label }) =>
            make("option", { text: t(label), attributes: { value: id } })
          )
        })
      )
    )
    select("fault-kind").value = value === "" ? "Drop" : value
  }

  const showFields = (): void => {
    const { fields, of } = chosen() ?? { fields: [], of: "calls" }
    find("fault-fields").replaceChildren(...fields.map(({ isNumber, isOptional, label, name, value }) =>
      make("label", {
        children: [
          make("span", { text: t(label) }),
          make("input", {
            attributes: {
              id: `fault-${name}`,
              value,
              autocomplete: "off",
              ...(isNumber && { type: "number" }),
              ...(!isOptional && { required: "" })
            }
          })
        ]
      })
    ))
    setText(find("fault-only-label"), t(of === "calls" ? "onlyPath" : "onlyType"))
    find("fault-subjects").replaceChildren(
      ...(of === "calls" ? paths : types).map((value) => make("option", { attributes: { value } }))
    )
  }

  /** Reads the form. An empty field that is optional is left out. */
  const faultOf = ({ fields, tag }: Kind): Readonly<Record<string, unknown>> => {
    const values: Record<string, unknown> = { _tag: tag }
    for (const { isNumber, name } of fields) {
      const { value } = input(`fault-${name}`)
      if (value !== "") values[name] = isNumber ? Number(value) : value
    }
    if (tag !== "Answer") return values
    const { contentType, ...others } = values
    return { ...others, ...(contentType !== undefined && { headers: { "content-type": contentType } }) }
  }

  const add = async (): Promise<void> => {
    const kind = chosen()
    if (kind === undefined) return
    const only = input("fault-only").value.trim()
    const when = select("fault-when").value
    const rule = {
      fault: faultOf(kind),
      [when]: Number(input("fault-number").value),
      ...(only !== "" && { only: [only] })
    }
    const answer = await call<void>("POST", "/faults", { [kind.of]: [rule] })
    if (!answer.ok) return say("fault-result", answer.sentence, "bad")
    dialog("fault").close()
    say("faults-result", t("faultAdded"), "good")
    await state.read()
  }

  const clear = async (): Promise<void> => {
    const answer = await call<void>("PUT", "/faults", {})
    say("faults-result", answer.ok ? t("faultsCleared") : answer.sentence, answer.ok ? "good" : "bad")
    await state.read()
  }

  interface Rule {
    readonly fault: { readonly _tag: string; readonly code?: number }
    readonly next?: number | undefined
    readonly every?: number | undefined
    readonly probability?: number | undefined
    readonly only?: ReadonlyArray<string> | undefined
  }

  const sentenceOf = (of: Kind["of"], { every, fault, next, only, probability }: Rule): string => {
    const label = kinds.find((kind) => kind.of === of && kind.tag === fault._tag)?.label
    const when = every !== undefined
      ? t("ruleEvery", { count: every })
      : probability !== undefined
      ? t("ruleProbability", { count: probability })
      : t("ruleNext", { count: next ?? 1 })
    return [
      `${t(of)}: ${label === undefined ? fault._tag : t(label)}${fault.code === undefined ? "" : ` ${fault.code}`}`,
      when,
      ...(only === undefined ? [] : [t("ruleOnly", { only: only.join(", ") })])
    ].join(", ")
  }

  const show = ({ faults }: State): void => {
    const rules = [
      ...faults.calls?.map((rule) => sentenceOf("calls", rule)) ?? [],
      ...faults.pushes?.map((rule) => sentenceOf("pushes", rule)) ?? []
    ]
    showList(find("faults"), rules.length === 0 ? [t("none")] : rules.map((rule, index) => `${index + 1}. ${rule}`), {
      key: (rule) => rule,
      make: (rule) => make("li", { text: rule })
    })
  }

  const open = (): void => {
    say("fault-result", "")
    dialog("fault").showModal()
  }

  select("fault-kind").addEventListener("change", showFields)
  select("fault-when").addEventListener("change", () => {
    input("fault-number").value = select("fault-when").value === "probability" ? "0.5" : "1"
  })
  onClick("fault-open", open)
  onClick("clear-faults", clear)
  onSubmit("fault-form", add)
  state.onChange(show)
  onChange(() => {
    showKinds()
    showFields()
    say("faults-result", "")
  })

  return { open }
}
