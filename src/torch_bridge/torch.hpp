#pragma once

// The part of LibTorch that most rooms use: tensors, gradients, modules. <torch/torch.h> costs each
// source three times the time; what one file needs beyond this (optimizers, containers) it
// includes.
#include <ATen/ATen.h>
#include <torch/autograd.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>
#include <torch/utils.h>
