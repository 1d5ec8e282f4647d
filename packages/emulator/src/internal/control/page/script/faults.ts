/** The form that adds a rule of what goes wrong. */
import type { Dom } from "./dom.js"
import type { Endpoints } from "./endpoints.js"
import type { FaultKinds, Kind } from "./faultKinds.js"
import type { Language } from "./language.js"
import type { StateHolder } from "./state.js"

export const makeFaults = (
  { dialog, find, input, make, onClick, onSubmit, say, select, setText }: Dom,
  { onChange, t }: Language,
  { call }: Endpoints,
  state: StateHolder,
  { kinds, paths, types }: FaultKinds
) => {
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

  const open = (): void => {
    say("fault-result", "")
    dialog("fault").showModal()
  }

  select("fault-kind").addEventListener("change", showFields)
  select("fault-when").addEventListener("change", () => {
    input("fault-number").value = select("fault-when").value === "probability" ? "0.5" : "1"
  })
  onClick("fault-open", open)
  onSubmit("fault-form", add)
  onChange(() => {
    showKinds()
    showFields()
  })

  return { open }
}
