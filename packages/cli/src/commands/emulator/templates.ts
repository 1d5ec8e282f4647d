/** The event objects that the emulator has to start from. */
import type * as ControlApi from "@effect-feishu/emulator/ControlApi"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Failure from "../../Failure.js"
import * as JsonFile from "../../JsonFile.js"
import type * as Running from "./Running.js"

type Template = typeof ControlApi.Template.Type

const other = { event: "callback", callback: "push" } as const

/** Returns the event object of `--payload`, or else of the template of this type. */
export const payloadOf = (
  { call, client }: Running.Running,
  { kind, payload, type }: {
    readonly kind: Template["kind"]
    readonly type: string
    readonly payload: Option.Option<string>
  }
) =>
  Effect.gen(function*() {
    const templates = yield* call(client.templates())
    const template = templates.find((template) => template.type === type)
    if (template !== undefined && template.kind !== kind) {
      return yield* new Failure.UsageError({
        message: `${type} is ${template.kind === "event" ? "an event" : "a callback"}: feishu-ticket emulator ${
          other[kind]
        } ${type}`
      })
    }
    if (Option.isSome(payload)) {
      return yield* JsonFile.readObject(`--payload ${payload.value}`, payload.value, `the event object of ${type}`)
    }
    const known = templates.filter((template) => template.kind === kind).map(({ type }) => type)
    return template?.payload ?? (yield* new Failure.UsageError({
      message: `the emulator has no template for this type: give the event object with --payload FILE, or choose ${
        known.join(", ")
      }`
    }))
  })
