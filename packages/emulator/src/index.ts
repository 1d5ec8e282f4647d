/**
 * The apps that the emulated platform knows.
 *
 * @since 0.1.0
 */
export * as App from "./App.js"

/**
 * Steers the emulator by HTTP.
 *
 * @since 0.1.0
 */
export * as ControlApi from "./ControlApi.js"

/**
 * A stand-in for the Open Platform, over real HTTP or in the same process.
 *
 * @since 0.1.0
 */
export * as Emulator from "./Emulator.js"

/**
 * The errors of the emulator, each with a sentence that says what to do.
 *
 * @since 0.1.0
 */
export * as EmulatorError from "./EmulatorError.js"

/**
 * All that a test of a Feishu service needs, in one layer.
 *
 * @since 0.1.0
 */
export * as EmulatorTest from "./EmulatorTest.js"

/**
 * How the platform encrypts and signs what it pushes.
 *
 * @since 0.1.0
 */
export * as EventCrypto from "./EventCrypto.js"

/**
 * What goes wrong, with a call or with a push, and when.
 *
 * @since 0.1.0
 */
export * as Fault from "./Fault.js"

/**
 * What happened, in order, without the secrets.
 *
 * @since 0.1.0
 */
export * as Journal from "./Journal.js"
