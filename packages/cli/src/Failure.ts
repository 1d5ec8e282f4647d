/** Why a command failed. */
import type { TicketTimeout } from "@effect-feishu/core/AppTicket"
import type { EventRefused } from "@effect-feishu/core/EventRefused"
import type { FeishuError } from "@effect-feishu/core/FeishuError"
import type { TicketStoreError } from "@effect-feishu/core/TicketStore"
import * as Data from "effect/Data"

/** The command line, a variable or a file is wrong. */
export class UsageError extends Data.TaggedError("UsageError")<{ readonly message: string }> {}

/** There is no ticket that is valid. */
export class NoTicket extends Data.TaggedError("NoTicket")<{ readonly message: string }> {}

/** No emulator answers. */
export class NoEmulator extends Data.TaggedError("NoEmulator")<{ readonly message: string }> {}

/** Nothing answers at the URL of a service. */
export class NoService extends Data.TaggedError("NoService")<{ readonly message: string }> {}

/** The emulator refuses, as the platform would. */
export class EmulatorRefused extends Data.TaggedError("EmulatorRefused")<{ readonly message: string }> {}

/** The app did not take a delivery. */
export class NotTaken extends Data.TaggedError("NotTaken")<{
  readonly message: string
  /** For `--json`: what came of the delivery. */
  readonly more: object
}> {}

export type Failure =
  | UsageError
  | NoTicket
  | NoEmulator
  | NoService
  | EmulatorRefused
  | NotTaken
  | FeishuError
  | TicketTimeout
  | TicketStoreError
  | EventRefused
