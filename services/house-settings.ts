import { createLimits } from './limits.ts'
import { createModelDefaults, type ModelDefaultsDeps } from './model-defaults.ts'
import { createSecurity, type SecurityDeps } from './security.ts'

/** The groups of settings that have rules of their own. */
export function createHouseSettings(deps: ModelDefaultsDeps & SecurityDeps) {
  return { limits: createLimits(deps), security: createSecurity(deps), modelDefaults: createModelDefaults(deps) }
}
