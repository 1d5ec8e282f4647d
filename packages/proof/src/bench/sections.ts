/** All measurements, in the order of the table. */
import type * as Effect from "effect/Effect"
import type { Section } from "../report/Section.js"
import * as Bundle from "./bundle.js"
import * as Calls from "./calls.js"
import * as Cold from "./cold.js"
import * as Deliveries from "./deliveries.js"
import * as Emulator from "./emulator.js"
import * as InProcess from "./inProcess.js"
import * as Memory from "./memory.js"
import * as Redis from "./redis.js"
import * as Startup from "./startup.js"
import * as Tokens from "./tokens.js"
import * as TokenService from "./tokenService.js"

export const sections = (isQuick: boolean): Readonly<Record<string, Effect.Effect<Section, unknown>>> => ({
  "calls": Calls.section(isQuick),
  "tokens": Tokens.section(isQuick),
  "cold": Cold.section(isQuick),
  "deliveries": Deliveries.section(isQuick),
  "in-process": InProcess.section(isQuick),
  "redis": Redis.section(isQuick),
  "token-service": TokenService.section(isQuick),
  "emulator": Emulator.section(isQuick),
  "memory": Memory.section(isQuick),
  "startup": Startup.section(isQuick),
  "bundle": Bundle.section
})
