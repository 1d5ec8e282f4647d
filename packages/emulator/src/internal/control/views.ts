/** Shows by HTTP the state and the journal, without secrets. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { App, CannedAnswer } from "../../App.js"
import type { Answer, AppState, Entry, State } from "../../ControlApi.js"
import type * as Emulator from "../../Emulator.js"
import type * as Journal from "../../Journal.js"
import * as Mask from "../mask.js"
import { isEnabled, kindOf, tenantsOf } from "../platform/apps.js"
import * as Rules from "./rules.js"

const ends = (secret: Redacted.Redacted): string => Mask.ends(Redacted.value(secret))

const appOf = (emulator: Emulator.Service, app: App): Effect.Effect<typeof AppState.Type> =>
  Effect.gen(function*() {
    const tickets = yield* emulator.tickets(app.appId)
    const tokens = yield* emulator.tokens(app.appId)
    return {
      appId: app.appId,
      kind: kindOf(app),
      enabled: isEnabled(app),
      tenants: tenantsOf(app),
      requestUrl: typeof app.requestUrl === "function" ? "a function in this process" : app.requestUrl ?? null,
      hasEncryptKey: app.encryptKey !== undefined,
      hasVerificationToken: app.verificationToken !== undefined,
      tickets: tickets.map(({ expiresAt, value }) => ({
        value: ends(value),
        expiresAt: DateTime.toEpochMillis(expiresAt)
      })),
      tokens: tokens.map(({ expiresAt, kind, tenantKey, value }) => ({
        value: ends(value),
        kind,
        tenantKey: tenantKey ?? null,
        expiresAt: DateTime.toEpochMillis(expiresAt)
      }))
    }
  })

const answerOf = ({ body, compute, method, path, status }: CannedAnswer): typeof Answer.Type => ({
  ...(method !== undefined && { method }),
  path,
  ...(status !== undefined && { status }),
  body: compute === undefined ? body : "computed by a function"
})

export const state = (emulator: Emulator.Service): Effect.Effect<typeof State.Type> =>
  Effect.gen(function*() {
    const apps = yield* Effect.flatMap(emulator.apps, Effect.forEach((app) => appOf(emulator, app)))
    const answers = yield* emulator.answers
    const journal = yield* emulator.journal
    return {
      baseUrl: emulator.baseUrl,
      now: yield* emulator.now,
      advanced: yield* emulator.advanced,
      apps,
      faults: {
        calls: Rules.write(yield* emulator.faults, Rules.callFault),
        pushes: Rules.write(yield* emulator.pushFaults, Rules.pushFault)
      },
      answers: answers.map(answerOf),
      lastEntry: journal.at(-1)?.id ?? 0
    }
  })

type JsonEntry = typeof Entry.Type

/** Leaves out what is `undefined`, as JSON does. */
const defined = (fields: object): object =>
  Object.fromEntries(Object.entries(fields).filter(([_, value]) => value !== undefined))

export const entry = (entry: Journal.Entry): JsonEntry => defined(entry) as JsonEntry

/** The entry without headers and texts, which are long. */
export const summary = (given: Journal.Entry): JsonEntry =>
  entry(given._tag === "Handshake" ? given : { ...given, sent: undefined, received: undefined })
