/**
 * `feishu-ticket emulator fault`: lets calls or pushes go wrong.
 */
import * as ControlApi from "@effect-feishu/emulator/ControlApi"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as EmulatorOptions from "../../EmulatorOptions.js"
import * as Failure from "../../Failure.js"
import * as FaultKinds from "../../FaultKinds.js"
import * as JsonFile from "../../JsonFile.js"
import * as Running from "./Running.js"

const usage = (message: string) => new Failure.UsageError({ message })

const headersOf = (headers: ReadonlyArray<string>): Effect.Effect<Record<string, string>, Failure.UsageError> =>
  Effect.map(
    Effect.forEach(headers, (header) => {
      const [, name, value = ""] = /^([\w!#$%&'*+.^`|~-]+):\s*(.*)$/.exec(header) ?? []
      return name === undefined
        ? usage("--header is a name and a value, for example --header 'retry-after: 3'")
        : Effect.succeed([name.toLowerCase(), value] as const)
    }),
    (entries) => Object.fromEntries(entries)
  )

/** Returns the fields of a fault that were given. */
const fieldsOf = (
  options: EmulatorOptions.Fault
): Effect.Effect<Partial<Record<FaultKinds.Field, unknown>>, Failure.UsageError, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const { after, body, by, code, contentType, duration, header, msg, resetSeconds, status } = options
    const given: Partial<Record<FaultKinds.Field, Option.Option<unknown>>> = {
      code,
      msg,
      status,
      resetSeconds,
      contentType,
      duration: Option.map(duration, Duration.toMillis),
      by: Option.map(by, Duration.toMillis),
      after: Option.map(after, Duration.toMillis),
      headers: header.length > 0 ? Option.some(yield* headersOf(header)) : Option.none(),
      body: Option.isSome(body)
        ? Option.some(yield* JsonFile.readText(`--body ${body.value}`, body.value))
        : Option.none()
    }
    return Object.fromEntries(
      Object.entries(given).flatMap(([field, option]) => Option.isSome(option) ? [[field, option.value] as const] : [])
    )
  })

/** Fails if the kind needs a field that is missing, or has a field that it does not take. */
const checkFields = (name: FaultKinds.Name, fields: object): Effect.Effect<void, Failure.UsageError> => {
  const { needs, takes }: FaultKinds.Kind = FaultKinds.kinds[name]
  const missing = needs.find((field) => !(field in fields))
  if (missing !== undefined) return usage(`${name} needs ${FaultKinds.optionOf(missing)}`)
  const other = (Object.keys(fields) as ReadonlyArray<FaultKinds.Field>).find((field) =>
    !needs.includes(field) && !takes.includes(field)
  )
  return other === undefined ? Effect.void : usage(`${name} takes no ${FaultKinds.optionOf(other)}`)
}

const whenOf = ({ every, next, only, probability, seed }: EmulatorOptions.Fault) =>
  [next, every, probability].filter(Option.isSome).length > 1
    ? usage("--next, --every and --probability exclude each other: give one of them")
    : Option.isSome(seed) && Option.isNone(probability)
    ? usage("--seed belongs to --probability")
    : Effect.succeed({
      ...Option.isSome(next) && { next: next.value },
      ...Option.isSome(every) && { every: every.value },
      ...Option.isSome(probability) && { probability: probability.value },
      ...Option.isSome(seed) && { seed: seed.value },
      ...only.length > 0 && { only }
    })

const decode = Schema.decodeUnknown(ControlApi.Faults, { errors: "all" })

/** Returns the faults to set: one rule, or none. */
const faultsOf = (name: FaultKinds.Name | undefined, options: EmulatorOptions.Fault) =>
  Effect.gen(function*() {
    const fields = yield* fieldsOf(options)
    const when = yield* whenOf(options)
    if (name === undefined) {
      return options.clear && Object.keys({ ...fields, ...when }).length === 0
        ? yield* Effect.orDie(decode({}))
        : yield* usage(`give a KIND: ${FaultKinds.names.join(", ")}; or --clear alone, which removes all faults`)
    }
    yield* checkFields(name, fields)
    const { tag, with: list } = FaultKinds.kinds[name]
    return yield* Effect.mapError(
      decode({ [list]: [{ fault: { _tag: tag, ...fields }, ...when }] }),
      (error) =>
        // Names the options in place of the fields.
        usage(
          JsonFile.flawsOf(error).replace(/\b(?:calls|pushes)\[0\]\.(?:fault\.)?/g, "--").replace(
            /--resetSeconds/g,
            "--reset-seconds"
          )
        )
    )
  })

export const run = (options: EmulatorOptions.Fault) =>
  Running.report(options, ({ call, client }) =>
    Effect.gen(function*() {
      const name = Option.getOrUndefined(options.kind) as FaultKinds.Name | undefined
      const payload = yield* faultsOf(name, options)
      yield* call(options.clear ? client.setFaults({ payload }) : client.addFaults({ payload }))
      const { faults } = yield* call(client.state())
      const count = faults.calls.length + faults.pushes.length
      return {
        json: { faults },
        text: `${name === undefined ? "removed all faults" : `set ${name}`}: there ${
          count === 1 ? "is 1 rule" : `are ${count} rules`
        }`
      }
    }))
