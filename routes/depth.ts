import { AppError } from '../services/errors.ts'

/** No honest request is nested so deep, and far beyond it the stack of whatever walks the value ends. */
const DEEPEST = 100

/** Throws `invalid` for a value out of JSON that is nested too deep to be worked with. */
export function refuseDeep(value: unknown): void {
  let level = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST) throw new AppError('invalid', `That is nested too deep; at most ${DEEPEST} levels are taken.`)
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []))
  }
}
