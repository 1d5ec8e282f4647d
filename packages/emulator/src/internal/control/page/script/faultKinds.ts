/** The kinds of faults, with the fields that each takes. */
import type { Key } from "../words.js"

export interface Field {
  readonly name: string
  readonly label: Key
  readonly value: string
  readonly isNumber?: boolean
  readonly isOptional?: boolean
}

export interface Kind {
  readonly id: string
  readonly tag: string
  readonly label: Key
  readonly of: "calls" | "pushes"
  readonly fields: ReadonlyArray<Field>
}

export const makeFaultKinds = () => {
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

  return { kinds, paths, types }
}

export type FaultKinds = ReturnType<typeof makeFaultKinds>
