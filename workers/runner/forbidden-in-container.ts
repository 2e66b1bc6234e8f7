import { TriageError } from '../../playbooks/domain/error.js';
import type { InContainerPort } from '../../playbooks/ports.js';

/** Refuses to run anything in a container, before anything is asked of the cluster. */
export const forbiddenInContainer: InContainerPort = {
  archive: (ref, container) =>
    Promise.reject(
      new TriageError(
        'method-forbidden',
        `this worker may not run tar in container ${container} of ${ref.pod}: it is the suspect's own program, and the suspect sees it; playbook a-f-02 does without, PODTRIAGE_IN_CONTAINER=allowed allows it`,
      ),
    ),
};
