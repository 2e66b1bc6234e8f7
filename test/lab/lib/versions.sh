#!/usr/bin/env bash
# The versions of everything that the lab builds. A change here rebuilds that one program only.
# shellcheck disable=SC2034  # read by the scripts that source this file

# runc: Debian's 1.1 cannot run pods with a user namespace of their own (hostUsers: false).
RUNC_VERSION=1.3.6
ETCD_VERSION=3.6.16
CRICTL_VERSION=1.34.0
# nerdctl: the version that measure A-F-02 names.
NERDCTL_VERSION=1.7.2
CONTAINERD_VERSION=2.2.9
CRIO_VERSION=1.34.0
KUBERNETES_VERSION=1.34.3
# Speaks S3 to the tests of the evidence store; the cluster does without.
VERSITYGW_VERSION=1.8.0
# From PyPI: what strangers check bags with.
BAGIT_VERSION=1.9.0
CRYPTOGRAPHY_VERSION=50.0.2
# From PyPI: sends the API what its contract allows, and what it does not.
SCHEMATHESIS_VERSION=4.32.5
