/** Who could have written what a run has read: only the owner, or also a stranger. It only ever falls. */
export type Integrity = 'owner' | 'third_party'

/** May strangers see what a run has read. It only ever rises to private. */
export type Privacy = 'public' | 'private'

/** The labels of a run, a result, a file. See SECURITY.md, "Labels". */
export type Labels = { readonly integrity: Integrity; readonly privacy: Privacy }

/** The labels of something that holds both: integrity goes down, privacy goes up. */
export function joinLabels(a: Labels, b: Labels): Labels {
  return {
    integrity: joinIntegrity(a.integrity, b.integrity),
    privacy: a.privacy === 'private' || b.privacy === 'private' ? 'private' : 'public',
  }
}

export function joinIntegrity(a: Integrity, b: Integrity): Integrity {
  return a === 'third_party' || b === 'third_party' ? 'third_party' : 'owner'
}
