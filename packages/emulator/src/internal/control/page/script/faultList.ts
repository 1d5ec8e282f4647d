/** The rules of what goes wrong. */
import type { Dom } from "./dom.js"
import type { Endpoints } from "./endpoints.js"
import type { FaultKinds, Kind } from "./faultKinds.js"
import type { Language } from "./language.js"
import type { State, StateHolder } from "./state.js"

interface Rule {
  readonly fault: { readonly _tag: string; readonly code?: number }
  readonly next?: number | undefined
  readonly every?: number | undefined
  readonly probability?: number | undefined
  readonly only?: ReadonlyArray<string> | undefined
}

export const makeFaultList = (
  { find, make, onClick, say, showList }: Dom,
  { onChange, t }: Language,
  { call }: Endpoints,
  state: StateHolder,
  { kinds }: FaultKinds
): void => {
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

  const clear = async (): Promise<void> => {
    const answer = await call<void>("PUT", "/faults", {})
    say("faults-result", answer.ok ? t("faultsCleared") : answer.sentence, answer.ok ? "good" : "bad")
    await state.read()
  }

  onClick("clear-faults", clear)
  state.onChange(show)
  onChange(() => say("faults-result", ""))
}
