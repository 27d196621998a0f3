import { createAdministration, type AdministrationDeps } from './administration.ts'
import { createRemoval, type RemovalDeps } from './removal.ts'

export type PeopleDeps = Omit<AdministrationDeps, 'stopWork'> &
  Omit<RemovalDeps, 'administration' | 'workEnded'> & {
    runs: { stopWhere(of: { userId: string }): void; endedOf(userId: string): Promise<void> }
  }

export type People = ReturnType<typeof createPeople>

/** What administrators may do with the people of the house, put together. */
export function createPeople({ runs, ...deps }: PeopleDeps) {
  const administration = createAdministration({ ...deps, stopWork: (userId) => runs.stopWhere({ userId }) })
  const { remove, files } = createRemoval({ ...deps, administration, workEnded: runs.endedOf })
  const { list, get, create, change, belongings } = administration
  return { list, get, create, change, belongings, files, remove }
}
