/**
 * A stand-in for the Open Platform.
 *
 * @since 0.1.0
 */
export * as Emulator from "./Emulator.js"

/**
 * What goes wrong with a call instead of its proper answer.
 *
 * @since 0.1.0
 */
export * as Fault from "./Fault.js"
