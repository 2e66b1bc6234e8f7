/** Options of ctr and nerdctl: containers of pods live in this containerd namespace; without it they list others, or none. */
export const podNamespace: readonly string[] = ['-n', 'k8s.io'];
